// How is a lease kept alive while it is held?
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "lab/lease/lease.h"

namespace holdfast::lab {

/// One thread renews, a second watches it: a write to a shared folder whose server is away can block for as long as it
/// likes, and must not keep the holder from learning that its time is over.
class Lease::Held {
 public:
  /// What was just written under the lock: `record`, and its first heartbeat.
  static Result<std::unique_ptr<Held>> start(LeasePlace place, LeaseRecord record, LeaseTiming timing,
                                             std::string taken_over);
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held();

  Result<void> tell_console(const std::filesystem::path& socket, const Deadline& deadline);
  Result<void> release(const Deadline& deadline);
  void abandon();
  std::string lost_because() const;

  const LeasePlace& place() const { return place_; }
  uint64_t token() const { return token_; }
  const Stop& lost() const { return lost_; }
  const std::string& taken_over() const { return taken_over_; }

 private:
  Held(LeasePlace place, LeaseRecord record, LeaseTiming timing, Stop lost, Stop end);
  void keep_renewing();
  void keep_watching();
  /// One sign of life. False: the lease is not ours any more, and never will be again.
  bool renew();
  void lose(std::string why);
  void note_trouble(std::string text);
  void end_threads();
  /// Nothing while the files say that the lease is ours; else whose it is.
  Result<std::optional<std::string>> taken_by_another() const;

  const LeasePlace place_;
  const LeaseTiming timing_;
  const uint64_t token_;
  std::string taken_over_;
  Stop lost_;
  Stop end_;
  mutable std::mutex mutex_;  ///< guards what follows
  LeaseRecord record_;
  Millis renewed_at_;    ///< when the last renewal that worked began
  std::string trouble_;  ///< of the renewals since
  std::string why_lost_;
  bool released_ = false;
  uint64_t count_ = 0;  ///< the renewing thread's own
  std::jthread renewer_;
  std::jthread watcher_;
};

/// The n-th sign of life of a token's holder.
Result<void> write_beat(const LeasePlace& place, uint64_t token, uint64_t count, const LeaseClock& clock);

}  // namespace holdfast::lab
