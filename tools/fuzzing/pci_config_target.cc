// Config space, as an agent read it from a device that may be broken.
#include <algorithm>
#include <array>

#include "harness/base/text.h"
#include "harness/pci/pci.h"
#include "harness/pci/pci_registers.h"
#include "tools/fuzzing/target.h"

namespace holdfast::fuzzing {
namespace {

/// The first byte says how large the spaces are, then come that before the kexec and that after it; what is missing is
/// zero.
struct Pair {
  std::vector<uint8_t> before;
  std::vector<uint8_t> after;
};

Pair pair_in(std::string_view bytes) {
  constexpr std::array<size_t, 4> kSizes{64, 256, 4096, 256};
  const size_t size = bytes.empty() ? kSizes[0] : kSizes[static_cast<unsigned char>(bytes[0]) % kSizes.size()];
  bytes.remove_prefix(std::min<size_t>(bytes.size(), 1));
  Pair pair{.before = std::vector<uint8_t>(size), .after = std::vector<uint8_t>(size)};
  for (auto* space : {&pair.before, &pair.after}) {
    const std::string_view own = bytes.substr(0, size);
    std::copy(own.begin(), own.end(), space->begin());
    bytes.remove_prefix(own.size());
  }
  return pair;
}

PciSnapshot snapshot_of(const std::vector<uint8_t>& config) {
  wire::PciListReply reply;
  wire::PciFunction said;
  said.bdf = "0000:03:00.0";
  said.config_size = static_cast<uint32_t>(config.size());
  reply.functions.push_back(said);
  for (const uint8_t byte : config) reply.blob.push_back(static_cast<std::byte>(byte));
  auto snapshot = PciSnapshot::from(reply);
  promise(snapshot.ok(), "a function with config space of a usual size is taken");
  return *std::move(snapshot);
}

void read_one(const std::vector<uint8_t>& config) {
  size_t at = 0;
  for (const pci::Register& reg : pci::registers_of(config)) {
    promise(reg.at == at && reg.size > 0 && reg.size <= 8, "registers follow each other without a gap");
    at += reg.size;
    static_cast<void>(pci::describe_bits(reg, reg.value(config), ~reg.value(config), ~uint64_t{0}));
  }
  promise(at == config.size(), "every byte belongs to one register");
  promise(pci::capabilities(config).size() <= config.size() / 4, "a chain of capabilities ends");
  static_cast<void>(pci::serial_number(config));
}

void read(std::string_view bytes) {
  const Pair pair = pair_in(bytes);
  read_one(pair.before);
  const PciSnapshot before = snapshot_of(pair.before);
  const PciSnapshot after = snapshot_of(pair.after);
  for (const bool reset : {false, true}) {
    PciExpectation expectation;
    if (reset) expectation.reset = {before.functions().front().address};
    static_cast<void>(format_diff(compare(before, after, expectation)));
  }
  promise(compare(before, before, {}).empty(), "what is the same has not changed");
  const auto again = PciSnapshot::parse(before.to_lspci_text());
  promise(again.ok() && again->functions().front().config == pair.before, "a snapshot can be written and read again");
}

std::vector<std::string> seeds(const std::filesystem::path& tree) {
  std::vector<std::string> inputs;
  for (const std::string& text : files_in(tree / "fixtures/pci", ".txt")) {
    const auto snapshot = PciSnapshot::parse(text);
    promise(snapshot.ok(), "the recordings of fixtures/pci can be read");
    for (const PciFunctionState& function : snapshot->functions()) {
      const std::string config(function.config.begin(), function.config.end());
      const char size = config.size() == 64 ? '\0' : config.size() == 256 ? '\1' : '\2';
      inputs.push_back(std::string(1, size) + config + config);
    }
  }
  // One of each model: vendor and device are the first four bytes behind that of the size.
  const auto model = [](const std::string& input) { return input.substr(1, 4); };
  std::ranges::sort(inputs, {}, model);
  inputs.erase(std::ranges::unique(inputs, {}, model).begin(), inputs.end());
  return inputs;
}

}  // namespace

Target pci_config_target() { return {.name = "pci-config", .read = read, .seeds = seeds, .longest = 8193}; }

}  // namespace holdfast::fuzzing
