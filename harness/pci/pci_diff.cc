// What differs between two snapshots, and what of it must not?
//
// Functions are paired first, so that one that moved is one finding. Of each pair are compared: where it stands, what
// sysfs says about it, a bridge's numbers and windows in words, and then every register of its config space against the
// table of what may change. Last, a device that was promised reset and idle is held to that promise.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "harness/base/text.h"
#include "harness/pci/pci.h"
#include "harness/pci/pci_match.h"
#include "harness/pci/pci_registers.h"
#include "harness/pci/pci_rules.h"

namespace holdfast {
namespace {

using pci::Pair;
using pci::Situation;

/// Resource flags that mean the same in every kernel (include/linux/ioport.h): I/O, memory, prefetchable, read-only,
/// 64-bit, disabled, unset. The others are the kernel's own bookkeeping.
constexpr uint64_t kMeaningfulFlags = 0x100 | 0x200 | 0x2000 | 0x4000 | 0x100000 | 0x10000000 | 0x20000000;

/// Registers that make up bus numbers and windows, which are compared in words.
constexpr std::array<std::string_view, 3> kBusRegisters = {"Primary Bus Number", "Secondary Bus Number",
                                                           "Subordinate Bus Number"};
constexpr std::array<std::string_view, 4> kIoRegisters = {"I/O Base", "I/O Limit", "I/O Base Upper 16 Bits",
                                                          "I/O Limit Upper 16 Bits"};
constexpr std::array<std::string_view, 2> kMemoryRegisters = {"Memory Base", "Memory Limit"};
constexpr std::array<std::string_view, 4> kPrefetchableRegisters = {
    "Prefetchable Memory Base", "Prefetchable Memory Limit", "Prefetchable Base Upper 32 Bits",
    "Prefetchable Limit Upper 32 Bits"};

bool silent(const std::vector<uint8_t>& config) {
  return config.size() >= 4 && std::all_of(config.begin(), config.begin() + 4, [](uint8_t b) { return b == 0xff; });
}

std::string name_or_none(const std::string& text) { return text.empty() ? "none" : text; }

/// Compares the pairs of one match; collects the changes.
class Comparison {
 public:
  Comparison(const pci::Match& match, const PciExpectation& expectation);
  std::vector<PciChange> run();

 private:
  void presence();
  void facts(const Pair& pair, const Situation& situation);
  void iommu_group(const Pair& pair);
  void resources(const Pair& pair);
  void bridge(const Pair& pair);
  void config(const Pair& pair, const Situation& situation);
  void one_register(const Pair& pair, const Situation& situation, const pci::Register& reg);
  void idle(const Pair& pair, const Situation& situation);

  Situation situation_of(const Pair& pair) const;
  std::string members(const PciFunctionState& function, bool after) const;
  /// `allowed` empty: forbidden, unless the expectation tolerates the register by name.
  void add(const Pair& pair, PciChange change);

  const pci::Match& match_;
  const PciExpectation& expectation_;
  std::set<PciAddress> reset_;
  std::set<PciAddress> under_test_;
  /// Members of each group, all by their address before, so that a device that moved still counts as itself.
  std::map<int, std::vector<PciAddress>> groups_before_;
  std::map<int, std::vector<PciAddress>> groups_after_;
  std::vector<PciChange> changes_;
};

Comparison::Comparison(const pci::Match& match, const PciExpectation& expectation)
    : match_(match),
      expectation_(expectation),
      reset_(expectation.reset.begin(), expectation.reset.end()),
      under_test_(expectation.under_test.begin(), expectation.under_test.end()) {
  under_test_.insert(reset_.begin(), reset_.end());
  for (const Pair& pair : match.pairs) {
    groups_before_[pair.before->iommu_group].push_back(pair.before->address);
    groups_after_[pair.after->iommu_group].push_back(pair.before->address);
  }
  for (const auto* f : match.gone) groups_before_[f->iommu_group].push_back(f->address);
  for (const auto* f : match.arrived) groups_after_[f->iommu_group].push_back(f->address);
  for (auto* groups : {&groups_before_, &groups_after_}) {
    for (auto& [number, group] : *groups) std::ranges::sort(group);
  }
}

void Comparison::add(const Pair& pair, PciChange change) {
  change.address = pair.before->address;
  for (const PciTolerance& one : expectation_.tolerate) {
    if (change.allowed.empty() && glob_match(one.register_glob, change.register_name)) change.allowed = one.reason;
  }
  changes_.push_back(std::move(change));
}

Situation Comparison::situation_of(const Pair& pair) const {
  const std::string& was = pair.before->driver;
  const std::string& is = pair.after->driver;
  Situation situation;
  situation.reset = reset_.contains(pair.before->address);
  situation.bridge = (pair.before->header_type & 0x7f) == 1;
  situation.bound_before = !was.empty();
  situation.bound_after = !is.empty();
  // vfio-pci and its variants for single devices, such as mlx5_vfio_pci.
  situation.native_after = !is.empty() && is.find("vfio") == std::string::npos;
  situation.driver_changed = was != is;
  return situation;
}

void Comparison::presence() {
  const auto say = [](const PciFunctionState& f) {
    return fmt::format("{:04x}:{:04x} class {:06x}", f.vendor, f.device, f.class_code);
  };
  for (const auto* f : match_.gone) add({f, nullptr}, {{}, "presence", say(*f), "gone", {}, {}});
  for (const auto* f : match_.arrived) add({f, nullptr}, {{}, "presence", "not there", say(*f), {}, {}});
}

void Comparison::facts(const Pair& pair, const Situation& situation) {
  const PciFunctionState& was = *pair.before;
  const PciFunctionState& is = *pair.after;
  if (was.address != is.address) add(pair, {{}, "address", was.address.to_string(), is.address.to_string(), {}, {}});
  // What the kernel believes: a config space that says something else is reported with its registers.
  if (was.vendor != is.vendor || was.device != is.device) {
    add(pair, {{},
               "ids",
               fmt::format("{:04x}:{:04x}", was.vendor, was.device),
               fmt::format("{:04x}:{:04x}", is.vendor, is.device),
               {},
               {}});
  }
  if (was.class_code != is.class_code) {
    add(pair, {{}, "class", fmt::format("{:06x}", was.class_code), fmt::format("{:06x}", is.class_code), {}, {}});
  }
  if (situation.driver_changed) {
    std::string reason = expectation_.ignore_drivers ? "which driver kernel B binds is not part of this promise" : "";
    add(pair, {{}, "driver", name_or_none(was.driver), name_or_none(is.driver), std::move(reason), {}});
  }
  iommu_group(pair);
  resources(pair);
}

std::string Comparison::members(const PciFunctionState& function, bool after) const {
  const auto& groups = after ? groups_after_ : groups_before_;
  const auto group = groups.find(function.iommu_group);
  if (function.iommu_group < 0 || group == groups.end()) return "";
  std::vector<std::string> names;
  for (const PciAddress& address : group->second) names.push_back(address.to_string());
  return join(names, " ");
}

void Comparison::iommu_group(const Pair& pair) {
  const int was = pair.before->iommu_group;
  const int is = pair.after->iommu_group;
  const auto say = [](int group) { return group < 0 ? "none" : fmt::format("{}", group); };
  if (was != is) {
    const bool must_stay = under_test_.contains(pair.before->address) || was < 0 || is < 0;
    std::string reason =
        must_stay ? "" : "groups are numbered in the order of probing; who shares one is compared apart";
    add(pair, {{}, "IOMMU group", say(was), say(is), std::move(reason), {}});
  }
  if (was < 0 || is < 0) return;
  std::string members_before = members(*pair.before, false);
  std::string members_after = members(*pair.after, true);
  if (members_before == members_after) return;
  add(pair, {{}, "IOMMU group members", std::move(members_before), std::move(members_after), {}, {}});
}

void Comparison::resources(const Pair& pair) {
  const auto& was = pair.before->resources;
  const auto& is = pair.after->resources;
  const auto say = [](const wire::PciResource& r) {
    if (r.start == 0 && r.end == 0 && r.flags == 0) return std::string("none");
    return fmt::format("{:x}-{:x} flags {:x}", r.start, r.end, r.flags);
  };
  for (size_t i = 0; i < std::max(was.size(), is.size()); ++i) {
    const wire::PciResource a = i < was.size() ? was[i] : wire::PciResource{};
    const wire::PciResource b = i < is.size() ? is[i] : wire::PciResource{};
    if (a.start == b.start && a.end == b.end && a.flags == b.flags) continue;
    const bool same = a.start == b.start && a.end == b.end && ((a.flags ^ b.flags) & kMeaningfulFlags) == 0;
    std::string reason = same ? "flags that are the kernel's own bookkeeping" : "";
    add(pair, {{}, fmt::format("resource {}", i), say(a), say(b), std::move(reason), {}});
  }
}

void Comparison::bridge(const Pair& pair) {
  const auto& was = pair.before->bridge;
  const auto& is = pair.after->bridge;
  if (!was || !is) return;  // a header type that changed is a change of its own
  const auto number = [&](std::string name, uint8_t a, uint8_t b) {
    if (a != b) add(pair, {{}, std::move(name), fmt::format("{:02x}", a), fmt::format("{:02x}", b), {}, {}});
  };
  const auto window = [&](std::string name, const std::string& a, const std::string& b) {
    if (a != b) add(pair, {{}, std::move(name), a, b, {}, {}});
  };
  number("primary bus", was->primary, is->primary);
  number("secondary bus", was->secondary, is->secondary);
  number("subordinate bus", was->subordinate, is->subordinate);
  window("I/O window", was->io_window, is->io_window);
  window("memory window", was->memory_window, is->memory_window);
  window("prefetchable window", was->prefetchable_window, is->prefetchable_window);
}

/// The window or bus numbers that a register of a bridge is a part of, in words; empty for any other.
std::pair<std::string, std::string> in_words(const Pair& pair, const std::string& name) {
  const auto& was = pair.before->bridge;
  const auto& is = pair.after->bridge;
  if (!was || !is) return {};
  const auto among = [&](const auto& names) { return std::ranges::find(names, name) != names.end(); };
  const auto numbers = [](const PciBridge& b) {
    return fmt::format("{:02x} {:02x} {:02x}", b.primary, b.secondary, b.subordinate);
  };
  if (among(kBusRegisters)) return {numbers(*was), numbers(*is)};
  if (among(kIoRegisters)) return {was->io_window, is->io_window};
  if (among(kMemoryRegisters)) return {was->memory_window, is->memory_window};
  if (among(kPrefetchableRegisters)) return {was->prefetchable_window, is->prefetchable_window};
  return {};
}

void Comparison::one_register(const Pair& pair, const Situation& situation, const pci::Register& reg) {
  const uint64_t was = reg.value(pair.before->config);
  const uint64_t is = reg.value(pair.after->config);
  if (was == is) return;
  const auto say = [&](uint64_t value) { return fmt::format("0x{:0{}x}", value, 2 * reg.size); };
  PciChange change = {{}, reg.name, say(was), say(is), {}, {}};
  if (const auto [words_before, words_after] = in_words(pair, reg.name); !words_before.empty()) {
    if (words_before != words_after) return;  // said in words already
    change.allowed = "the window is closed before and after";
    if (words_before != "none") change.allowed = "the window is the same";
    return add(pair, std::move(change));
  }
  const pci::Judgement judgement = pci::judge(reg, was, is, situation);
  if (judgement.forbidden_bits == 0) change.allowed = judgement.reason;
  change.detail = pci::describe_bits(reg, was, is, judgement.forbidden_bits != 0 ? judgement.forbidden_bits : was ^ is);
  add(pair, std::move(change));
}

void Comparison::config(const Pair& pair, const Situation& situation) {
  const auto& was = pair.before->config;
  const auto& is = pair.after->config;
  if (silent(was) != silent(is)) {
    const auto say = [](bool dead) { return dead ? "all ones: the device does not answer" : "readable"; };
    return add(pair, {{}, "config space", say(silent(was)), say(silent(is)), {}, {}});
  }
  if (was == is) return;
  if (was.size() != is.size()) {
    add(pair, {{}, "config space size", fmt::format("{}", was.size()), fmt::format("{}", is.size()), {}, {}});
  }
  const size_t common = std::min(was.size(), is.size());
  for (const pci::Register& reg : pci::registers_of(was)) {
    if (size_t{reg.at} + reg.size <= common) one_register(pair, situation, reg);
  }
}

void Comparison::idle(const Pair& pair, const Situation& situation) {
  if (!situation.reset || situation.native_after || silent(pair.after->config)) return;
  // Only what was on before as well: a register that went from off to on is a forbidden change by the table.
  const std::map<std::string_view, std::pair<uint64_t, std::string_view>> active = {
      {"Command", {0x0004, "bus mastering is still on"}},
      {"MSI: Message Control", {0x0001, "MSI is still on"}},
      {"MSI-X: Message Control", {0x8000, "MSI-X is still on"}}};
  for (const pci::Register& reg : pci::registers_of(pair.after->config)) {
    const auto found = active.find(reg.name);
    if (found == active.end()) continue;
    const auto& [bit, complaint] = found->second;
    const uint64_t was = reg.value(pair.before->config);
    const uint64_t is = reg.value(pair.after->config);
    if ((was & is & bit) == 0) continue;
    const auto say = [&](uint64_t value) { return fmt::format("0x{:0{}x}", value, 2 * reg.size); };
    std::erase_if(changes_,
                  [&](const PciChange& c) { return c.address == pair.before->address && c.register_name == reg.name; });
    add(pair, {{}, reg.name, say(was), say(is), {}, fmt::format("{}: the device was promised idle", complaint)});
  }
}

std::vector<PciChange> Comparison::run() {
  presence();
  for (const Pair& pair : match_.pairs) {
    const Situation situation = situation_of(pair);
    facts(pair, situation);
    bridge(pair);
    config(pair, situation);
    idle(pair, situation);
  }
  std::ranges::stable_sort(changes_, {}, &PciChange::address);
  return std::move(changes_);
}

}  // namespace

std::string PciChange::describe() const {
  std::string line = fmt::format("{} {}: {} -> {}", address.to_string(), register_name, before, after);
  if (!detail.empty()) line += fmt::format(" ({})", detail);
  return line;
}

std::vector<PciChange> compare(const PciSnapshot& before, const PciSnapshot& after, const PciExpectation& expectation) {
  const pci::Match match = pci::match(before, after);
  return Comparison(match, expectation).run();
}

std::vector<PciChange> forbidden(const std::vector<PciChange>& changes) {
  std::vector<PciChange> result;
  std::ranges::copy_if(changes, std::back_inserter(result), [](const PciChange& c) { return c.allowed.empty(); });
  return result;
}

std::string format_diff(const std::vector<PciChange>& changes) {
  if (changes.empty()) return "No PCI register or fact changed.\n";
  const std::vector<PciChange> bad = forbidden(changes);
  std::string text = fmt::format("{} forbidden, {} allowed\n", bad.size(), changes.size() - bad.size());
  if (!bad.empty()) text += "\nForbidden: these must not change\n";
  for (const PciChange& change : bad) text += fmt::format("  {}\n", change.describe());
  if (bad.size() < changes.size()) text += "\nAllowed: these may change, for the reason given\n";
  for (const PciChange& change : changes) {
    if (!change.allowed.empty()) text += fmt::format("  {}\n      {}\n", change.describe(), change.allowed);
  }
  return text;
}

}  // namespace holdfast
