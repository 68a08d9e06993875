// How does a device come to vfio-pci, and how does it get its own driver back?
#pragma once

#include <string>
#include <vector>

#include "harness/agent/write_jobs.h"
#include "harness/base/deadline.h"
#include "harness/base/result.h"
#include "harness/wire/verbs_pci.h"

namespace holdfast::agent {

/// Changes drivers and remembers what they were, so that every way out can restore them.
class Drivers {
 public:
  explicit Drivers(WriteJobs& jobs) : jobs_(jobs) {}

  /// All endpoints of the device's IOMMU group to vfio-pci. On an error everything is as before. Errors: the kernel's:
  /// ENODEV when there is no device, no group or no vfio-pci; EBUSY when it blocks until the deadline.
  Result<wire::VfioBindReply> bind_vfio(const std::string& bdf, const Deadline& deadline);

  /// Drivers and overrides as they were. Errors: as above; what could be restored is.
  Result<void> restore(const std::vector<wire::DriverBefore>& before, const Deadline& deadline);

  /// Nothing is to be restored.
  bool unchanged() const { return changed_.empty(); }
  /// Everything that bind_vfio() changed and nobody restored.
  Result<void> restore_all(const Deadline& deadline);

 private:
  Result<void> write(const std::filesystem::path& file, const std::string& text, std::string_view attempted,
                     const Deadline& deadline);
  Result<void> bind_one(const std::string& bdf, const Deadline& deadline);
  Result<void> restore_one(const wire::DriverBefore& before, const Deadline& deadline);

  WriteJobs& jobs_;
  std::vector<wire::DriverBefore> changed_;
};

}  // namespace holdfast::agent
