// What did a recorded machine look like, and what would it look like with something broken? For tests only.
#include "harness/pci/pci_recording_test.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "tools/ctest/places.h"

namespace holdfast::pci_recording {
namespace {

/// A line that says what sysfs said: "driver: e1000e", "resource 0: fd840000 fd85ffff 40200".
void read_fact(std::string_view line, wire::PciFunction& function) {
  const std::vector<std::string_view> words = split(line, ' ');
  if (words[0] == "path:") function.path = words[1];
  if (words[0] == "class:") function.class_code = static_cast<uint32_t>(*parse_u64(words[1], 16));
  if (words[0] == "driver:") function.driver = words[1];
  if (words[0] == "group:") function.iommu_group = static_cast<int>(*parse_u64(words[1]));
  if (words[0] == "resource") {
    const size_t index = *parse_u64(words[1].substr(0, words[1].size() - 1));
    if (function.resources.size() <= index) function.resources.resize(index + 1);
    function.resources[index] = {*parse_u64(words[2], 16), *parse_u64(words[3], 16), *parse_u64(words[4], 16)};
  }
}

/// The reply that the agent would have sent on the recorded machine.
wire::PciListReply read_recording(const std::string& name) {
  const auto text = read_file(source_dir() / "fixtures" / "pci" / name);
  EXPECT_TRUE(text) << name;
  const auto snapshot = PciSnapshot::parse(*text);
  EXPECT_TRUE(snapshot) << snapshot.error().what;
  wire::PciListReply reply;
  for (const PciFunctionState& f : snapshot->functions()) {
    wire::PciFunction said;
    said.bdf = f.address.to_string();
    said.vendor = f.vendor;
    said.device = f.device;
    said.config_size = static_cast<uint32_t>(f.config.size());
    reply.functions.push_back(said);
    for (const uint8_t byte : f.config) reply.blob.push_back(static_cast<wire::Bytes::value_type>(byte));
  }
  wire::PciFunction* current = nullptr;
  for (const std::string_view line : split(*text, '\n')) {
    if (line.starts_with('\t')) {
      read_fact(line.substr(1), *current);
    } else {
      const auto found = std::ranges::find(reply.functions, line.substr(0, 12), &wire::PciFunction::bdf);
      if (found != reply.functions.end()) current = &*found;
    }
  }
  return reply;
}

}  // namespace

Machine::Machine(const std::string& name) {
  static std::map<std::string, wire::PciListReply> read_before;
  if (!read_before.contains(name)) read_before[name] = read_recording(name);
  reply_ = read_before[name];
}

wire::PciFunction& Machine::at(std::string_view bdf) {
  return *std::ranges::find(reply_.functions, bdf, &wire::PciFunction::bdf);
}

std::ptrdiff_t Machine::start_of(std::string_view bdf) const {
  std::ptrdiff_t start = 0;
  for (const wire::PciFunction& f : reply_.functions) {
    if (f.bdf == bdf) break;
    start += f.config_size;
  }
  return start;
}

Machine& Machine::set(std::string_view bdf, size_t offset, const std::vector<uint8_t>& bytes) {
  std::ranges::transform(bytes, reply_.blob.begin() + start_of(bdf) + static_cast<std::ptrdiff_t>(offset),
                         [](uint8_t byte) { return static_cast<wire::Bytes::value_type>(byte); });
  return *this;
}

Machine& Machine::flip(std::string_view bdf, size_t offset, uint8_t bits) {
  auto& byte = *(reply_.blob.begin() + start_of(bdf) + static_cast<std::ptrdiff_t>(offset));
  byte = static_cast<wire::Bytes::value_type>(static_cast<uint8_t>(byte) ^ bits);
  return *this;
}

Machine& Machine::shorten(std::string_view bdf, uint32_t size) {
  const auto begin = reply_.blob.begin() + start_of(bdf);
  reply_.blob.erase(begin + size, begin + at(bdf).config_size);
  at(bdf).config_size = size;
  return *this;
}

Machine& Machine::remove(std::string_view bdf) {
  shorten(bdf, 0);
  std::erase_if(reply_.functions, [&](const wire::PciFunction& f) { return f.bdf == bdf; });
  return *this;
}

Machine& Machine::forget_paths() {
  for (wire::PciFunction& f : reply_.functions) f.path.clear();
  return *this;
}

PciSnapshot Machine::snapshot() const {
  auto snapshot = PciSnapshot::from(reply_);
  EXPECT_TRUE(snapshot) << snapshot.error().what;
  return *std::move(snapshot);
}

std::vector<PciChange> changes_to(const Machine& after, const PciExpectation& expectation) {
  return compare(Machine().snapshot(), after.snapshot(), expectation);
}

std::vector<std::string> names(const std::vector<PciChange>& changes) {
  std::vector<std::string> result;
  for (const PciChange& c : changes) result.push_back(c.address.to_string() + " " + c.register_name);
  return result;
}

}  // namespace holdfast::pci_recording
