// How does the controller speak with the agent of one running kernel, and notice that it is another one?
#include "harness/agent_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace holdfast {
namespace {

using wire::Envelope;

/// The id of the hello that adopt() asks for: 0 is no id that Agent::call gives.
constexpr uint64_t kHelloId = 0;
/// An agent says hello by itself when it sees the link come up; one on a serial line cannot see that, and one on virtio
/// misses a quick reconnect, so after this long it is asked, then at twice the distance each time.
constexpr Millis kFirstAsk{300};
constexpr Millis kAskAtLeastEvery{8000};
/// How long leave() waits for the kernel to say no. A freeze of several devices, each with a reset of 100 ms and more
/// before the last one refuses, fits in; the next kernel's hello ends the wait, so it costs a successful kexec nothing.
constexpr Millis kRefusalGrace{2000};

/// The Hello in this message, if it is one: the event, or the reply to what adopt() asked.
Result<std::optional<wire::Hello>> as_hello(const Envelope& envelope) {
  const bool event = envelope.kind == Envelope::Kind::kEvent && envelope.name == wire::Hello::kEvent;
  const bool reply = envelope.kind == Envelope::Kind::kReply && envelope.id == kHelloId;
  if (!event && !reply) return std::optional<wire::Hello>();
  return std::optional(TRY(wire::decode<wire::Hello>(envelope, {})));
}

/// Waits for a hello or a late refusal; asks for a hello when the line stays silent.
class Adoption {
 public:
  Adoption(Link& link, const std::string& not_boot_id) : link_(link), not_boot_id_(not_boot_id) {}

  /// The hello of an agent that may be adopted. `refused` makes the error of a refusal.
  template <class Refused>
  Result<wire::Hello> wait(const Deadline& deadline, Refused refused) {
    while (true) {
      auto message = TRY(link_.receive(deadline.at_most(pause_)));
      if (!message) {
        if (deadline.expired()) {
          return wait_error(Wake::kDeadline, fmt::format("hello from an agent{}", link_.complaint()));
        }
        TRY(ask(deadline));
        continue;
      }
      const auto envelope = wire::open_envelope(*message);
      if (!envelope) {
        link_.complain(envelope.error().what);
        continue;
      }
      // Id 0 is the agent's complaint about something that it could not read, which a new link may well carry.
      if (envelope->kind == Envelope::Kind::kRefusal && envelope->id != kHelloId && !not_boot_id_.empty()) {
        return refused(envelope->refusal);
      }
      if (auto hello = TRY(as_hello(*envelope))) return judge(std::move(*hello));
    }
  }

 private:
  Result<void> ask(const Deadline& deadline) {
    link_.give_up_frame();
    TRY(link_.send(wire::make_request(kHelloId, wire::Hello{}), deadline));
    pause_ = std::min(pause_ * 2, kAskAtLeastEvery);
    return {};
  }

  Result<wire::Hello> judge(wire::Hello hello) const {
    if (hello.protocol != wire::kProtocolVersion) {
      return harness_error(
          "wire", fmt::format("the agent speaks protocol {}, this program {}", hello.protocol, wire::kProtocolVersion));
    }
    if (!not_boot_id_.empty() && hello.boot_id == not_boot_id_) {
      // The command line tells which: that of a next kernel ends with the nonce of this kexec.
      return kernel_error("not-replaced",
                          fmt::format("an agent answers with the boot id of the kernel that was to be replaced ({}): "
                                      "that kernel still runs, or the next one has the same boot id",
                                      hello.boot_id))
          .with("who answers", fmt::format("release {}\nup for {} ms when its agent began\ncommand line {}",
                                           hello.release, hello.uptime_ms, hello.cmdline));
    }
    return hello;
  }

  Link& link_;
  const std::string& not_boot_id_;
  Millis pause_ = kFirstAsk;
};

}  // namespace

Result<std::unique_ptr<Agent>> LinkAgent::adopt(std::shared_ptr<Link> link, const std::string& not_boot_id,
                                                const Deadline& deadline) {
  auto hello = TRY(Adoption(*link, not_boot_id).wait(deadline, [](const wire::Refusal& no) { return refused(no); }));
  return std::unique_ptr<Agent>(new LinkAgent(std::move(link), std::move(hello)));
}

Result<std::unique_ptr<Agent>> LinkAgent::adopt(Fd socket, const Deadline& deadline) {
  return adopt(std::make_shared<Link>(TRY(Link::over(std::move(socket)))), "", deadline);
}

Result<void> LinkAgent::usable() const {
  if (user_ == link_->user()) return {};
  return lab_error("link", fmt::format("the agent of boot {} is gone: another one took over its link", boot_id()));
}

/// An event that nobody waited for: the same kernel's second hello means nothing, another kernel's is an error.
Result<void> LinkAgent::overhear(const Envelope& event, const wire::Message& message, std::string_view waited_for) {
  const std::optional<wire::Hello> hello = TRY_IN(waited_for, as_hello(event));
  if (!hello || hello->boot_id == boot_id()) return {};
  link_->put_back(message);
  return kernel_error("rebooted", fmt::format("the target came up again by itself: boot id {} became {} while waiting "
                                              "for {}",
                                              boot_id(), hello->boot_id, waited_for));
}

Result<std::pair<Envelope, wire::Bytes>> LinkAgent::answer(uint64_t id, bool or_leaving, std::string_view waited_for,
                                                           const Deadline& deadline) {
  while (true) {
    std::optional<wire::Message> message = TRY_IN(fmt::format("waiting for {}", waited_for), link_->receive(deadline));
    if (!message) return wait_error(Wake::kDeadline, fmt::format("{}{}", waited_for, link_->complaint()));
    Envelope envelope = TRY_IN(waited_for, wire::open_envelope(*message));
    switch (envelope.kind) {
      case Envelope::Kind::kEvent:
        if (or_leaving && envelope.name == wire::Leaving::kEvent) return std::pair(std::move(envelope), wire::Bytes());
        TRY(overhear(envelope, *message, waited_for));
        break;
      case Envelope::Kind::kReply:
      case Envelope::Kind::kRefusal:
        if (envelope.id == id) return std::pair(std::move(envelope), std::move(message->blob));
        if (!envelope.refusal.what.empty() && envelope.id == 0) link_->complain(envelope.refusal.what);
        break;
      case Envelope::Kind::kRequest:
        break;
    }
  }
}

Result<std::pair<Envelope, wire::Bytes>> LinkAgent::exchange(uint64_t id, wire::Message request,
                                                             const Deadline& deadline) {
  TRY(usable());
  const auto asked = wire::open_envelope(request);
  const std::string waited_for = fmt::format("the reply to {}", asked ? asked->name : "a request");
  TRY_IN(waited_for, link_->send(request, deadline));
  return answer(id, /*or_leaving=*/false, waited_for, deadline);
}

Result<void> LinkAgent::leave(const Deadline& deadline) {
  TRY(usable());
  const uint64_t id = take_id();
  TRY_IN("kexec", link_->send(wire::make_request(id, wire::KexecExecute{.rest_disks = !hello_.is_init}), deadline));
  const auto said = TRY(answer(id, /*or_leaving=*/true, "the agent's leave", deadline));
  if (said.first.kind == Envelope::Kind::kRefusal) return refused(said.first.refusal);
  if (said.first.kind != Envelope::Kind::kEvent) {
    return harness_error("wire", "the agent answered kexec_execute without leaving");
  }
  const auto leaving = wire::decode<wire::Leaving>(said.first, {});
  departure_ = {.at = Deadline::Clock::now(), .uptime = Millis(leaving ? leaving->uptime_ms : 0)};
  // A link that breaks right now is what leaving looks like.
  auto acknowledged = link_->send(wire::make_event(wire::Leaving{}), deadline);
  if (!acknowledged && acknowledged.error().blame == Blame::kHarness) return acknowledged;
  return wait_until_gone(id, deadline);
}

Result<void> LinkAgent::wait_until_gone(uint64_t id, const Deadline& deadline) {
  const Deadline grace = deadline.at_most(kRefusalGrace);
  while (true) {
    auto received = link_->receive(grace);
    if (!received && received.error().blame == Blame::kLab) return {};  // the end of the link
    if (!received) return std::move(received).error();
    std::optional<wire::Message> message = *std::move(received);
    if (!message) return {};
    const auto envelope = wire::open_envelope(*message);
    if (!envelope) continue;
    if (envelope->kind == Envelope::Kind::kRefusal && envelope->id == id) return refused(envelope->refusal);
    if (envelope->kind != Envelope::Kind::kEvent) continue;
    // Another kernel's hello: this one has left.
    const auto heard = overhear(*envelope, *message, "the end of this kernel");
    if (!heard && heard.error().blame == Blame::kKernel) return {};
  }
}

}  // namespace holdfast
