// How does the controller speak with the agent of one running kernel, and notice that it is another one?
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "harness/link.h"
#include "harness/target.h"

namespace holdfast {

/// The agent at the other end of a Link. What is used across a kexec:
///
///   const Carrier qemu{.fd = pidfd, .is_machine = true};
///   auto link = std::make_shared<Link>(TRY(Link::over(socket, qemu)));  // owned by the target
///   auto a = TRY(LinkAgent::adopt(link, "", deadline));
///   TRY(a->leave(deadline));
///   auto b = TRY(LinkAgent::adopt(link, a->boot_id(), deadline));  // the same link; `a` is dead now
///
/// A refusal of the kexec normally comes back from leave(), and `a` goes on. One that takes longer than leave() waits
/// comes back from adopt() as kernel.refused; the old kernel's agent can then be had again by adopt(link, "", ...).
///
/// Not thread-safe. At most one LinkAgent of a link is alive: once another one was adopted, calls answer lab.link.
class LinkAgent : public Agent {
 public:
  /// Waits for an agent to say hello, over whatever noise and half frames the link carries, and asks it to when it does
  /// not by itself. Its boot id must differ from `not_boot_id`, unless that is empty. Errors: lab.timeout; lab.link
  /// (the link or the machine ended); harness.stopped; harness.wire (it speaks another protocol); kernel.refused with
  /// errnum (a late answer to the old agent's leave()); kernel.not-replaced (the kernel of `not_boot_id` still
  /// answers).
  static Result<std::unique_ptr<Agent>> adopt(std::shared_ptr<Link> link, const std::string& not_boot_id,
                                              const Deadline& deadline);
  /// The same over a link that is used for one kernel only: a connection to a daemon.
  static Result<std::unique_ptr<Agent>> adopt(Fd socket, const Deadline& deadline);

  const wire::Hello& hello() const override { return hello_; }

  /// See Agent::leave. A machine that has a system of its own puts its disks to rest. Acknowledges `leaving`, then
  /// waits for the first of: a refusal, the end of the link, the hello of the next kernel (which adopt() will find),
  /// two seconds of silence.
  Result<void> leave(const Deadline& deadline) override;

 protected:
  Result<std::pair<wire::Envelope, wire::Bytes>> exchange(uint64_t id, wire::Message request,
                                                          const Deadline& deadline) override;

 private:
  LinkAgent(std::shared_ptr<Link> link, wire::Hello hello)
      : link_(std::move(link)), user_(link_->take_over()), hello_(std::move(hello)) {}
  Result<void> usable() const;
  /// The answer to request `id`, or the event `leaving` where `or_leaving`. Drops what belongs to no open request.
  Result<std::pair<wire::Envelope, wire::Bytes>> answer(uint64_t id, bool or_leaving, std::string_view waited_for,
                                                        const Deadline& deadline);
  Result<void> overhear(const wire::Envelope& event, const wire::Message& message, std::string_view waited_for);
  Result<void> wait_until_gone(uint64_t id, const Deadline& deadline);

  std::shared_ptr<Link> link_;
  int user_;
  wire::Hello hello_;
};

}  // namespace holdfast
