// Can devices come and go while the target runs?
#pragma once

#include "harness/base/deadline.h"
#include "harness/base/result.h"
#include "harness/level.h"

namespace holdfast {

/// An ability that not every target has: Target::hot_plug(). What it does is seen by the kernel as a hand at a slot is.
class HotPlug {
 public:
  virtual ~HotPlug() = default;
  /// Puts a device in whose trait is "spare". Success: it is in; the kernel takes notice of it in its own time. Errors:
  /// those of the lab.
  virtual Result<void> plug(const Device& device, const Deadline& deadline) = 0;
  /// Asks the kernel to give a device up, and takes it out. Errors: kernel.refused when the kernel will not,
  /// kernel.hot-plug when it says nothing, those of the lab.
  virtual Result<void> unplug(const Device& device, const Deadline& deadline) = 0;
};

}  // namespace holdfast
