// What has to be done to a host so that cases can run on it, whatever it is done with?
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "harness/base/deadline.h"
#include "harness/base/error.h"
#include "harness/base/result.h"

namespace holdfast::lab {

/// Where a console is recorded, and where others can have it too.
struct HostFiles {
  std::filesystem::path runtime_dir;  ///< for sockets; private, its path short
  std::filesystem::path raw;          ///< every byte
  std::filesystem::path lines;        ///< whole lines with their time, appended
  std::filesystem::path socket;       ///< in a folder that is its owner's only
};

/// The hands of a custody: it decides, they do. Used by one thread.
class HostCare {
 public:
  virtual ~HostCare() = default;  ///< leaves no process and no socket behind
  /// Records the console from now on; does not wait until it is open. Errors: plan.cannot for a host without a console
  /// (it is driven without), lab.io.
  virtual Result<void> record(const HostFiles& files) = 0;
  virtual void stop_recording() = 0;
  /// After a case, which leaves a test kernel behind: back to the stable system, where ssh answers with the pinned key.
  /// What that takes is told as an event too, though it is no recovery: "way home by chassis reset".
  virtual Result<void> come_home(const Deadline& deadline) = 0;
  /// All of the health gate; changes nothing on the host.
  virtual Result<void> examine(const Deadline& deadline) = 0;
  /// Climbs the recovery ladder because of `why` until `healthy` says so, and tells each rung as an event. Ends at once
  /// when `lost` is requested: the host is somebody else's. Errors: lab.unrecovered; harness.stopped.
  using Healthy = std::function<Result<void>(const Deadline& deadline)>;
  virtual Result<void> heal(const Error& why, const Healthy& healthy, const Stop& lost, const Deadline& deadline) = 0;
  /// The last rung that heal() tried: "power cycle"; empty: none.
  virtual std::string last_rung() const = 0;
};

}  // namespace holdfast::lab
