// Who looks after devices of this machine during a run?
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "harness/custody.h"
#include "lab/passthrough/passed_device.h"
#include "lab/passthrough/taken.h"

namespace holdfast::lab {

/// The word before the addresses in Custody::case_argv().
inline constexpr std::string_view kPassedFlag = "--passed";

/// Takes the devices before the first case, settles them before each, and gives them back after the last. The machines
/// themselves are made by the cases' own processes. `tell` is given what of config space is not as it was, as text of
/// pci.diff, once they are back; it is not called when nothing differs. What `place` refers to must outlive it.
Result<std::unique_ptr<Custody>> make_passthrough_custody(const PassthroughVm& vm, const TakingPlace& place,
                                                          std::function<void(const std::string& diff)> tell);

/// In a case's process: `vm` with the addresses that its custody took in place of ids. `passed` is the value behind
/// kPassedFlag. Errors: harness.usage when the two do not go together.
Result<PassthroughVm> with_passed(PassthroughVm vm, const std::string& passed);

}  // namespace holdfast::lab
