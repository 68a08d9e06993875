// Which faults are there, in which phases do they make sense, and what is right when they strike?
#include "tools/faults_matrix/matrix.h"

#include <algorithm>

#include "harness/base/text.h"

namespace holdfast::faults {

const FaultRow& row_of(Fault fault) { return *std::ranges::find(kFaults, fault, &FaultRow::fault); }

std::string Combination::name() const { return std::string(phase) + "/" + std::string(row_of(fault).name); }

std::string_view left_out_because(const Combination& combination) {
  const auto [phase, fault] = combination;
  if (fault == Fault::kBmcAway) return "a machine in QEMU has no BMC; the tests with the label metal have one";
  const bool host = !row_of(fault).of_machine || fault == Fault::kPaused || fault == Fault::kClockStepped;
  if (host) return {};
  if (phase == "lease") return "there is no machine yet";
  if (phase == "report") return "the machine is gone already";
  const bool agent = fault == Fault::kAgentKilled || fault == Fault::kAgentStopped || fault == Fault::kHalfMessage;
  if (phase == "boot" && agent) return "there is no agent yet; \"connect\" is the wait for it";
  return {};
}

std::vector<Combination> sensible_combinations() {
  std::vector<Combination> all;
  for (const std::string_view phase : kPhases) {
    for (const FaultRow& row : kFaults) {
      const Combination one{phase, row.fault};
      if (left_out_because(one).empty()) all.push_back(one);
    }
  }
  return all;
}

std::vector<Combination> chosen(const std::vector<std::string>& globs) {
  auto all = sensible_combinations();
  if (globs.empty()) return all;
  std::erase_if(all, [&](const Combination& one) {
    return std::ranges::none_of(globs, [&](const std::string& glob) { return glob_match(glob, one.name()); });
  });
  return all;
}

}  // namespace holdfast::faults
