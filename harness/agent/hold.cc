// How does an agent stop before its boot is a boot of its own, and go on as one?
#include "harness/agent/hold.h"

#include <fcntl.h>
#include <linux/random.h>
#include <sys/ioctl.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "harness/agent/identity.h"
#include "harness/agent/refusal.h"
#include "harness/base/fd.h"
#include "harness/base/text.h"
#include "harness/wire/codec.h"

namespace holdfast::agent {
namespace {

constexpr size_t kSeedAtLeast = 32;

/// The kernel's own copies of the pool are thrown away by the reseeding: without it a fork would go on drawing what its
/// siblings draw for up to a minute. Source: random(4); drivers/char/random.c of Linux 7.3.
Result<void> take_seed(const wire::Bytes& seed) {
  const Fd device(::open("/dev/urandom", O_RDWR | O_CLOEXEC));
  const std::array<int, 2> head{static_cast<int>(seed.size() * 8), static_cast<int>(seed.size())};
  static_assert(sizeof head == sizeof(rand_pool_info));
  std::string request(reinterpret_cast<const char*>(head.data()), sizeof head);
  request.append(reinterpret_cast<const char*>(seed.data()), seed.size());
  if (::ioctl(device.get(), RNDADDENTROPY, request.data()) != 0) return kernel_refused("RNDADDENTROPY", errno);
  if (::ioctl(device.get(), RNDRESEEDCRNG) != 0) return kernel_refused("RNDRESEEDCRNG", errno);
  return {};
}

/// The request, if that is what came.
std::optional<std::pair<uint64_t, wire::Begin>> as_begin(Channel::Incoming& incoming) {
  auto* message = std::get_if<wire::Message>(&incoming);
  if (message == nullptr) return std::nullopt;
  const auto envelope = wire::open_envelope(*message);
  if (!envelope || envelope->kind != wire::Envelope::Kind::kRequest) return std::nullopt;
  if (envelope->name != wire::Begin::kVerb) return std::nullopt;
  auto begin = wire::decode<wire::Begin>(*envelope, std::move(message->blob));
  if (!begin) return std::nullopt;
  return std::pair(envelope->id, *std::move(begin));
}

}  // namespace

bool is_to_hold(std::string_view cmdline) {
  const auto words = split(trim(cmdline), ' ');
  return std::ranges::find(words, wire::kHoldWord) != words.end();
}

Result<void> begin_anew(const wire::Begin& begin) {
  if (begin.blob.size() < kSeedAtLeast) return bad_request("the seed is shorter than 32 bytes");
  TRY(take_seed(begin.blob));
  const timespec now{.tv_sec = static_cast<time_t>(begin.wall_ms / 1000),
                     .tv_nsec = static_cast<long>(begin.wall_ms % 1000) * 1'000'000};
  if (::clock_settime(CLOCK_REALTIME, &now) != 0) return kernel_refused("clock_settime", errno);
  return {};
}

void hold(Channel& channel, const std::function<Result<void>(const wire::Begin&)>& begin) {
  while (!channel.lost()) {
    channel.wait_peer(Deadline::never());
    if (!channel.send(wire::make_event(wire::Held{.uptime_ms = uptime_ms()}))) continue;
    while (auto incoming = channel.receive(Deadline::never())) {
      const auto asked = as_begin(*incoming);
      if (!asked) continue;
      const auto began = begin(asked->second);
      if (began) {
        channel.send(wire::make_reply(asked->first, wire::Empty{}));
        return;
      }
      channel.send(wire::make_refusal(asked->first, to_refusal(began.error())));
    }
  }
}

}  // namespace holdfast::agent
