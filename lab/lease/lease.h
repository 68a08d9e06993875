// Who may touch a host now, and how does a holder learn that it is not he any more?
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "lab/lease/place.h"

namespace holdfast::lab {

/// Who looks on waits for `expiry` without a sign of life, by its own clock, before it takes a host over. The holder
/// gives the host up earlier, after two thirds of that, so that the two never have it together.
struct LeaseTiming {
  Millis beat{5'000};  ///< between two signs of life; at most a third of `expiry`
  Millis expiry{60'000};
  LeaseClock clock = LeaseClock::real();
  /// The longest that the holder goes on without having been able to renew its lease.
  Millis patience() const { return expiry * 2 / 3; }
};

struct LeaseRequest {
  std::string purpose = {};            ///< "holdfast run"
  std::filesystem::path run_dir = {};  ///< or empty
  bool wait = false;                   ///< for a holder who lives, until the deadline
};

/// The right to use one host, renewed by threads of its own until it is released or lost. Move-only; destruction
/// releases. Thread-safe but for moving.
class Lease {
 public:
  /// Waits for as long as it has to look on to tell whether a holder elsewhere lives, at most until the deadline.
  /// Errors: lab.leased (who holds or reserved it, since when), lab.lease-folder, lab.lease-busy, lab.lease-token,
  /// lab.io, harness.usage, harness.stopped.
  static Result<Lease> take(const LeasePlace& place, const LeaseRequest& request, const LeaseTiming& timing,
                            const Deadline& deadline);
  Lease(Lease&&) noexcept;
  Lease& operator=(Lease&&) noexcept;
  ~Lease();

  /// Requested when the host must not be touched any more. Never taken back.
  const Stop& lost() const;
  /// Why: "taken over by bob@ctl-1", or empty.
  std::string lost_because() const;
  /// Larger than that of any holder before.
  uint64_t token() const;
  /// What check() in another process is given, beside the token.
  std::filesystem::path file() const;
  /// What became of the holder before, when he did not release it: one sentence for the report, or empty.
  const std::string& taken_over() const;

  /// Tells others where the console's recorder listens; empty: nowhere. Errors: lab.lease-lost, and as take().
  Result<void> tell_console(const std::filesystem::path& socket, const Deadline& deadline);
  /// Errors: lab.lease-lost when somebody else holds it by now; lab.io.
  Result<void> release(const Deadline& deadline);

  /// Lets go of it and leaves it as if its holder had died, for who takes the host next: it is not known what the
  /// holder before left on it.
  void abandon();

  /// For another process on the holder's machine: whether this token is the current one and has been renewed in time.
  /// Cheap: reads two small files. Errors: lab.lease-lost.
  static Result<void> check(const std::filesystem::path& file, uint64_t token,
                            const LeaseClock& clock = LeaseClock::real());

 private:
  class Held;
  static Result<Lease> claim(const LeasePlace& place, const LeaseRequest& request, const LeaseTiming& timing,
                             std::string taken_over);
  explicit Lease(std::unique_ptr<Held> held);
  std::unique_ptr<Held> held_;
};

}  // namespace holdfast::lab
