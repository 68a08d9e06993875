// How does the process of a case get the machine that it is about?
#pragma once

#include <filesystem>
#include <memory>

#include "harness/event.h"
#include "harness/options.h"
#include "harness/program/machines.h"
#include "harness/target.h"

namespace holdfast {

/// Off, until its boot(). `dir` is the attempt's folder. Errors: the lab's.
Result<std::unique_ptr<Target>> make_target(const Machine& machine, const CaseOptions& options, const Where& where,
                                            const std::filesystem::path& dir);

/// Fills in the addresses of devices that a host's inventory names by their ids: asks the host. Errors: the lab's.
Result<void> find_devices(const Machine& machine, const CaseOptions& options, std::vector<Device>& devices,
                          const Deadline& deadline);

/// Removes what a target that has done its work left in the attempt's folder and nobody wants to read.
void tidy_up(const std::filesystem::path& dir);

}  // namespace holdfast
