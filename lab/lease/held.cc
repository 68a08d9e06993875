// How is a lease kept alive while it is held?
#include "lab/lease/held.h"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>

#include <utility>

#include "lab/lease/observer.h"

namespace holdfast::lab {
namespace {

/// Of the destructor: nobody waits for it with a deadline.
constexpr Millis kReleaseLimit{5'000};

/// Signals are for the thread that runs the program.
template <class Work>
std::jthread start_quietly(Work work) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::jthread thread(std::move(work));
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

Result<void> write_beat(const LeasePlace& place, uint64_t token, uint64_t count, const LeaseClock& clock) {
  const Beat beat{.token = token, .count = count, .at = clock.wall(), .since_boot = clock.since_boot()};
  return write_file_atomic(place.beat(token), to_json(beat));
}

Lease::Held::Held(LeasePlace place, LeaseRecord record, LeaseTiming timing, Stop lost, Stop end)
    : place_(std::move(place)),
      timing_(std::move(timing)),
      token_(record.token),
      lost_(std::move(lost)),
      end_(std::move(end)),
      record_(std::move(record)),
      renewed_at_(record_.taken_since_boot) {}

Result<std::unique_ptr<Lease::Held>> Lease::Held::start(LeasePlace place, LeaseRecord record, LeaseTiming timing,
                                                        std::string taken_over) {
  Stop lost = TRY(Stop::create());
  Stop end = TRY(Stop::create());
  std::unique_ptr<Held> held(
      new Held(std::move(place), std::move(record), std::move(timing), std::move(lost), std::move(end)));
  held->taken_over_ = std::move(taken_over);
  held->renewer_ = start_quietly([one = held.get()] { one->keep_renewing(); });
  held->watcher_ = start_quietly([one = held.get()] { one->keep_watching(); });
  return held;
}

Lease::Held::~Held() {
  if (const auto released = release(Deadline::after(kReleaseLimit)); !released) end_threads();
}

void Lease::Held::end_threads() {
  end_.request();
  if (renewer_.joinable()) renewer_.join();
  if (watcher_.joinable()) watcher_.join();
}

void Lease::Held::keep_renewing() {
  while (wait_until(Deadline::after(timing_.beat, &end_)) != Wake::kStopped) {
    if (!renew()) return;
  }
}

bool Lease::Held::renew() {
  const Millis began = timing_.clock.since_boot();
  auto other = taken_by_another();
  if (!other) {
    note_trouble(other.error().what);
    return true;
  }
  if (const std::optional<std::string>& whose = *other) {
    lose(*whose);
    return false;
  }
  if (lost_.requested()) return false;
  if (auto written = write_beat(place_, token_, ++count_, timing_.clock); !written) {
    note_trouble(written.error().what);
    return true;
  }
  const std::scoped_lock lock(mutex_);
  renewed_at_ = began;
  trouble_.clear();
  return true;
}

void Lease::Held::keep_watching() {
  while (wait_until(Deadline::after(timing_.beat / 2, &end_)) != Wake::kStopped) {
    Millis silent{0};
    std::string trouble;
    {
      const std::scoped_lock lock(mutex_);
      silent = timing_.clock.since_boot() - renewed_at_;
      trouble = trouble_;
    }
    if (silent < timing_.patience()) continue;
    lose(fmt::format("it could not be renewed for {} s{}{}", std::chrono::round<std::chrono::seconds>(silent).count(),
                     trouble.empty() ? "" : ": ", trouble));
    return;
  }
}

Result<std::optional<std::string>> Lease::Held::taken_by_another() const {
  const auto text = TRY(read_if_there(place_.lease()));
  if (!text) {
    std::error_code unknown;  // a folder that is not mounted for the moment says nothing
    if (!std::filesystem::exists(place_.token(), unknown)) {
      return lab_error("lease-folder", fmt::format("{} is gone", place_.token().string()));
    }
    return std::optional<std::string>("its file is gone: somebody released it by force");
  }
  const LeaseRecord now = TRY(parse_lease(*text));
  if (now.token == token_) return std::optional<std::string>();
  return std::optional<std::string>(fmt::format("taken over by {} ({}, pid {}) with token {}", now.owner.name(),
                                                now.purpose, now.owner.pid, now.token));
}

void Lease::Held::lose(std::string why) {
  {
    const std::scoped_lock lock(mutex_);
    if (why_lost_.empty()) why_lost_ = std::move(why);
  }
  lost_.request();
}

void Lease::Held::note_trouble(std::string text) {
  const std::scoped_lock lock(mutex_);
  trouble_ = std::move(text);
}

std::string Lease::Held::lost_because() const {
  const std::scoped_lock lock(mutex_);
  return why_lost_;
}

Result<void> Lease::Held::tell_console(const std::filesystem::path& socket, const Deadline& deadline) {
  const FileLock files = TRY(lock_place(place_, deadline));
  if (const auto other = TRY(taken_by_another())) {
    lose(*other);
    return lab_error("lease-lost", fmt::format("the lease of {} is lost: {}", place_.host, *other));
  }
  const std::scoped_lock lock(mutex_);
  record_.console = socket;
  return write_file_atomic(place_.lease(), to_json(record_));
}

void Lease::Held::abandon() {
  end_threads();
  const std::scoped_lock lock(mutex_);
  released_ = true;
}

Result<void> Lease::Held::release(const Deadline& deadline) {
  end_threads();
  {
    const std::scoped_lock lock(mutex_);
    if (std::exchange(released_, true)) return {};
  }
  const FileLock files = TRY(lock_place(place_, deadline));
  TRY(remove_file(place_.beat(token_)));  // nobody else's, whoever holds the host by now
  if (const auto other = TRY(taken_by_another())) {
    lose(*other);
    return lab_error("lease-lost", fmt::format("the lease of {} was lost before: {}", place_.host, *other));
  }
  return clear_lease(place_);
}

}  // namespace holdfast::lab
