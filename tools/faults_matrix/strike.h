// How is a fault made?
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "harness/base/deadline.h"
#include "tools/faults_matrix/matrix.h"

namespace holdfast::faults {

/// Whom and what a fault may strike.
struct Victim {
  pid_t controller = 0;
  pid_t at_point = 0;            ///< the process that stands at the point: the controller, or a case's
  std::filesystem::path folder;  ///< of the combination, with the relay's socket
  std::filesystem::path out;     ///< HOLDFAST_OUT
  std::filesystem::path clock;   ///< the file with the step of the clock
};

/// Makes it. What went wrong, or nothing. kPaused is made by pause().
std::string strike(Fault fault, const Victim& victim);

/// Stops the processes, and lets them go on after `span`.
void pause(const Victim& victim, Millis span);

/// Processes, this one left out, with NAME=VALUE in their environment.
std::vector<pid_t> processes_of(const std::string& variable);

/// A file system of its own at `folder`, small enough to be filled, which ends with this process. What went wrong, or
/// nothing.
std::string mount_small_disk(const std::filesystem::path& folder);

/// Takes the last byte at `out`, or gives it back.
std::string fill_disk(const std::filesystem::path& out);
void make_room(const std::filesystem::path& out);

}  // namespace holdfast::faults
