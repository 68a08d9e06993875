// A snapshot as text, in lspci's format.
#include <algorithm>

#include "harness/pci/pci.h"
#include "tools/fuzzing/target.h"

namespace holdfast::fuzzing {
namespace {

void read(std::string_view bytes) {
  const auto snapshot = PciSnapshot::parse(bytes);
  if (!snapshot) return;
  promise(!snapshot->functions().empty(), "a snapshot has a function");
  const auto again = PciSnapshot::parse(snapshot->to_lspci_text());
  promise(again.ok() && again->functions().size() == snapshot->functions().size(),
          "a snapshot that was read can be written and read again");
  promise(compare(*snapshot, *again, {}).empty(), "what was written and read again has not changed");
}

std::vector<std::string> seeds(const std::filesystem::path& tree) {
  std::vector<std::string> texts = files_in(tree / "fixtures/pci", ".txt");
  for (std::string& text : texts) text.resize(std::min<size_t>(text.size(), 6000));
  texts.emplace_back("00:1f.2 SATA\n00: 86 80 22 29 07 05 10 00 02 01 06 01 00 00 00 00\n\n");
  return texts;
}

}  // namespace

Target pci_text_target() { return {.name = "pci-text", .read = read, .seeds = seeds}; }

}  // namespace holdfast::fuzzing
