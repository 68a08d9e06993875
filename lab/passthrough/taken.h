// How does the harness take devices from its own machine, so that every way out gives them back?
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/base/result.h"
#include "harness/pci/pci.h"
#include "lab/passthrough/local_machine.h"
#include "lab/passthrough/takings.h"

namespace holdfast::lab {

/// Where devices are taken. What it refers to must outlive all that is taken there.
struct TakingPlace {
  SysfsWriter& writer;
  std::filesystem::path folder;  ///< takings_folder()
  Owner self;                    ///< Owner::self()
  std::filesystem::path root = "/";
};

/// What came back.
struct GivenBack {
  std::vector<std::string> functions;
  std::vector<PciChange> changes;  ///< of config space, since before it was taken; allowed ones too
};

/// For people: which functions came back, and each change of config space that nothing allows.
std::vector<std::string> to_lines(const GivenBack& back);

/// Devices of this machine, with all that shares their IOMMU groups, in the hands of vfio-pci. Given back when
/// destroyed. Move-only; used by one thread.
class Taken {
 public:
  /// Undoes what dead owners left, then records, then changes. On an error everything is as before, or the record says
  /// what is not. Errors: plan.cannot with all reasons when a device cannot be passed through (`force` takes what is in
  /// use, never the system's disk); harness.usage for one that is not there; lab.leased when another harness has it;
  /// lab.missing-driver, lab.rights, lab.io, lab.timeout, lab.passthrough.
  static Result<Taken> take(const std::vector<std::string>& bdfs, bool force, const TakingPlace& place,
                            const Deadline& deadline);
  Taken(Taken&&) noexcept;
  Taken& operator=(Taken&&) noexcept;
  /// With half a minute for the kernel. What cannot be given back stays in the record.
  ~Taken();

  /// All functions that are taken, ordered.
  std::vector<std::string> functions() const;

  /// Drivers, overrides and virtual functions as they were; compares config space. Errors: the first one; what can be
  /// given back is, and the record stays for the rest.
  Result<GivenBack> give_back(const Deadline& deadline);

  /// Between two guests: every function still has vfio-pci, nobody has it open, and it is reset where this process may
  /// do that (QEMU does it again). Errors: lab.passthrough naming who interferes; lab.io, lab.timeout.
  Result<void> settle(const Deadline& deadline);

  /// What of config space is not as it was when the function was taken; for looks in between.
  Result<std::vector<PciChange>> changes() const;

 private:
  struct State;
  explicit Taken(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// plan.cannot with all reasons in one error.
Error refusal(const std::string& bdf, const Verdict& verdict, bool force);
/// Errors: lab.missing-driver when this machine's kernel has no vfio-pci.
Result<void> check_driver(const TakingPlace& place);

/// Gives back what harnesses that are dead (killed, crashed) had taken; what a living one has is not touched. After a
/// restart of the machine there is nothing to undo but the record. Errors: the first one; the others are done.
Result<GivenBack> restore_leftovers(const TakingPlace& place, const Deadline& deadline);

}  // namespace holdfast::lab
