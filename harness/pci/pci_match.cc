// Which function after the kexec is the one that stood there before?
#include "harness/pci/pci_match.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>

#include "harness/base/text.h"
#include "harness/pci/pci_registers.h"

namespace holdfast::pci {
namespace {

using Functions = std::vector<const PciFunctionState*>;

/// No real hierarchy is deeper; ends the walk when bridges claim each other's buses.
constexpr int kMaxDepth = 64;

/// The way from the root bus, in terms that a renumbering of buses leaves alone: "0000:00/03.0/00.0".
class Shapes {
 public:
  explicit Shapes(const PciSnapshot& snapshot) {
    for (const PciFunctionState& function : snapshot.functions()) {
      const auto& bridge = function.bridge;
      if (bridge && bridge->secondary != 0)
        ports_.emplace(std::pair(function.address.domain, bridge->secondary), &function);
    }
  }

  std::string of(const PciFunctionState& function) const {
    std::vector<PciAddress> way = from_path(function);
    if (way.empty()) way = from_bridges(function);
    std::string shape = fmt::format("{:04x}:{:02x}", way.front().domain, way.front().bus);
    for (const PciAddress& hop : way) shape += fmt::format("/{:02x}.{}", hop.device, hop.function);
    return shape;
  }

 private:
  static std::vector<PciAddress> from_path(const PciFunctionState& function) {
    std::vector<PciAddress> way;
    for (const std::string_view part : split(function.path, '/')) {
      if (const auto hop = PciAddress::parse(part)) way.push_back(*hop);
    }
    if (way.empty() || way.back() != function.address) return {};
    return way;
  }

  std::vector<PciAddress> from_bridges(const PciFunctionState& function) const {
    std::vector<PciAddress> way = {function.address};
    while (way.size() < kMaxDepth) {
      const auto port = ports_.find({way.back().domain, way.back().bus});
      if (port == ports_.end() || port->second->address == way.back()) break;
      way.push_back(port->second->address);
    }
    std::ranges::reverse(way);
    return way;
  }

  std::map<std::pair<uint32_t, uint8_t>, const PciFunctionState*> ports_;
};

std::string ids(const PciFunctionState& f) { return fmt::format("{:04x}:{:04x}", f.vendor, f.device); }

/// All that is the device's own and no matter of where it stands.
std::string identity(const PciFunctionState& f) {
  const bool endpoint = (f.header_type & 0x7f) == 0 && f.config.size() >= 0x30;
  const std::string subsystem =
      endpoint ? fmt::format("{}", fmt::join(f.config.begin() + 0x2c, f.config.begin() + 0x30, ".")) : "";
  return fmt::format("{} {} {} {:x} {}", ids(f), f.header_type & 0x7f, subsystem, serial_number(f.config),
                     f.address.function);
}

/// Pairs what has an equal key on both sides. Equal keys more than once: in order of address, if there are as many
/// after as before, and not at all if not.
void pair_by(const std::function<std::string(const PciFunctionState&, bool after)>& key, Functions& before,
             Functions& after, Match& match) {
  std::map<std::string, std::pair<Functions, Functions>> by_key;
  for (const auto* f : before) by_key[key(*f, false)].first.push_back(f);
  for (const auto* f : after) by_key[key(*f, true)].second.push_back(f);
  for (const auto& [text, both] : by_key) {
    const auto& [was, is] = both;
    if (text.empty() || was.size() != is.size()) continue;
    for (size_t i = 0; i < was.size(); ++i) match.pairs.push_back({was[i], is[i]});
    std::erase_if(before, [&](const auto* f) { return std::ranges::find(was, f) != was.end(); });
    std::erase_if(after, [&](const auto* f) { return std::ranges::find(is, f) != is.end(); });
  }
}

/// The serial number, where a different one proves that this is another device. One that reads as all ones is no
/// number: the device did not answer.
bool another_device(const PciFunctionState& a, const PciFunctionState& b) {
  const uint64_t one = serial_number(a.config);
  const uint64_t other = serial_number(b.config);
  return one != 0 && other != 0 && one != other;
}

}  // namespace

Match match(const PciSnapshot& before, const PciSnapshot& after) {
  Match match;
  Functions was;
  Functions is;
  for (const PciFunctionState& f : before.functions()) was.push_back(&f);
  for (const PciFunctionState& f : after.functions()) is.push_back(&f);
  const Shapes shapes_before(before);
  const Shapes shapes_after(after);
  const auto shape = [&](const PciFunctionState& f, bool of_after) {
    return (of_after ? shapes_after : shapes_before).of(f);
  };

  pair_by([&](const auto& f, bool of_after) { return shape(f, of_after) + " " + ids(f); }, was, is, match);
  std::erase_if(match.pairs, [&](const Pair& pair) {
    if (!another_device(*pair.before, *pair.after)) return false;
    was.push_back(pair.before);
    is.push_back(pair.after);
    return true;
  });
  std::ranges::sort(was, {}, &PciFunctionState::address);
  std::ranges::sort(is, {}, &PciFunctionState::address);
  pair_by([](const auto& f, bool) { return identity(f); }, was, is, match);
  pair_by([](const auto& f, bool) { return f.address.to_string(); }, was, is, match);
  pair_by(shape, was, is, match);

  std::ranges::sort(match.pairs, {}, [](const Pair& pair) { return pair.before->address; });
  match.gone = std::move(was);
  match.arrived = std::move(is);
  return match;
}

}  // namespace holdfast::pci
