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
struct ConsolePlaces {
  std::filesystem::path raw;     ///< every byte
  std::filesystem::path lines;   ///< whole lines with their time, appended
  std::filesystem::path socket;  ///< in a folder that is its owner's only
};

/// The hands of a custody: it decides, they do. Used by one thread.
class HostCare {
 public:
  virtual ~HostCare() = default;  ///< leaves no process and no socket behind
  /// Records the console from now on; does not wait until it is open. Errors: plan.cannot for a host without a console
  /// (it is driven without), lab.io.
  virtual Result<void> record(const ConsolePlaces& places) = 0;
  virtual void stop_recording() = 0;
  /// Whether the host is in its stable system: ssh with the pinned key answers, and its kernel is no test kernel.
  virtual Result<void> glance(const Deadline& deadline) = 0;
  /// All of the health gate; changes nothing on the host.
  virtual Result<void> examine(const Deadline& deadline) = 0;
  /// Climbs the recovery ladder until `healthy` says so, and tells each rung as an event. Ends at once
  /// when `healthy` says lab.lease-lost: the host is somebody else's. Errors: what `healthy` said last;
  /// harness.stopped.
  using Healthy = std::function<Result<void>(const Deadline& deadline)>;
  virtual Result<void> heal(const Error& why, const Healthy& healthy, const Deadline& deadline) = 0;
  /// The last rung that heal() tried: "power cycle"; empty: none.
  virtual std::string last_rung() const = 0;
};

}  // namespace holdfast::lab
