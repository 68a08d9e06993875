// Who looks after devices of this machine during a run?
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "harness/custody.h"
#include "lab/lease/lease.h"
#include "lab/passthrough/passed_device.h"
#include "lab/passthrough/taken.h"

namespace holdfast::lab {

/// The word before the addresses in Custody::case_argv().
inline constexpr std::string_view kPassedFlag = "--passed";

struct PassthroughKeeping {
  std::string name;  ///< of the target
  PassthroughVm vm;
  TakingPlace place;  ///< what it refers to outlives the custody
  LeasePlace lease;   ///< of the target on this machine
  LeaseTiming timing = {};
  std::filesystem::path run_dir = {};  ///< what of config space is not as it was goes to its targets/<name>/
};

/// Leases the target and takes the devices before the first case, settles them before each, and gives them back after
/// the last; then compares config space, and tells `events` of what differs. The machines themselves are made by the
/// cases' own processes. `events` takes events from several threads and outlives this. take() has the errors of
/// Lease::take(), place_devices() and Taken::take().
Result<std::unique_ptr<Custody>> make_passthrough_custody(PassthroughKeeping keeping, EventSink& events);

/// In a case's process: `vm` with the addresses that its custody took in place of ids. `passed` is the value behind
/// kPassedFlag. Errors: harness.usage when the two do not go together.
Result<PassthroughVm> with_passed(PassthroughVm vm, const std::string& passed);

}  // namespace holdfast::lab
