// How is a host kept for one run: taken, healthy before each case, given back or quarantined?
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/file.h"
#include "harness/custody.h"
#include "lab/lease/lease.h"
#include "lab/metal/host_care.h"

namespace holdfast::lab {

struct HostKeeping {
  LeasePlace place = {};
  LeaseTiming timing = {};
  std::string purpose = "holdfast run";
  std::filesystem::path run_dir = {};  ///< the console goes to its targets/<host>/
  /// A host in quarantine is taken all the same, and is out of it when it was given back healthy.
  bool heals_quarantine = false;
};

/// The custody of one host. All of the health gate is passed before the first case, after the last one and after each
/// recovery; between cases of a host that is well it is enough that it is in its own system.
class HostCustody : public Custody {
 public:
  /// `events` takes events from several threads and outlives this.
  static Result<std::unique_ptr<HostCustody>> create(HostKeeping keeping, std::unique_ptr<HostCare> care,
                                                     EventSink& events);
  HostCustody(const HostCustody&) = delete;
  HostCustody& operator=(const HostCustody&) = delete;
  ~HostCustody() override;

  /// Errors also: those of Lease::take().
  Result<void> take(const Deadline& deadline) override;
  Result<void> make_ready(const Deadline& deadline) override;
  Result<void> give_back(const Deadline& deadline) override;
  /// --console-socket (where there is a console), --runtime-dir, --lease-file, --lease-token.
  std::vector<std::string> case_argv() const override;
  const Stop& lost() const override;

 private:
  HostCustody(HostKeeping keeping, std::unique_ptr<HostCare> care, EventSink& events, Stop never_taken);
  Result<void> refuse_quarantined() const;
  Result<void> start_recording(const Deadline& deadline);
  Result<void> see_to_health(const Deadline& deadline);
  bool is_stranger(const Error& error) const;
  Result<void> still_ours() const;
  Error quarantined(const Error& why);
  Result<void> let_go();
  void warn(std::string text);

  const HostKeeping keeping_;
  const std::unique_ptr<HostCare> care_;
  EventSink& events_;
  const Stop not_taken_;  ///< what lost() is before the host is taken
  std::optional<TempDir> runtime_dir_;
  std::optional<Lease> lease_;
  std::filesystem::path console_;  ///< the recorder's socket, or empty
  bool recording_ = false;
  bool well_ = false;  ///< passed all of the gate, and nothing was wrong since
  bool used_ = false;  ///< a case may have run since it was looked at
  bool ran_ = false;   ///< a case may have run at all
  bool left_ = false;  ///< quarantined or given back
};

}  // namespace holdfast::lab
