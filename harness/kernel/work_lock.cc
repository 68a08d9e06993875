// How do two processes that want to do the same long work stay out of each other's way?
#include "harness/kernel/work_lock.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>

#include "harness/base/digest.h"
#include "harness/base/text.h"

namespace holdfast {
namespace fs = std::filesystem;
namespace {

/// In the environment of every program that shares a lock: which holder started it.
constexpr const char* kTokenVariable = "HOLDFAST_WORK";

/// Who holds a lock: written beside it by the holder. What a dead holder wrote stays, and is how its children are
/// known.
struct Holder {
  pid_t pid = 0;
  std::string token;
  std::string doing;
};

fs::path holder_file(const fs::path& lock) { return lock.string() + ".holder"; }

Holder read_holder(const fs::path& lock) {
  const auto text = read_file(holder_file(lock));
  if (!text) return {};
  const auto lines = split(*text, '\n');
  if (lines.size() < 3) return {};
  return {.pid = static_cast<pid_t>(parse_u64(lines[0]).value_or(0)),
          .token = std::string(lines[1]),
          .doing = std::string(lines[2])};
}

bool is_dead(const Holder& holder) { return holder.pid > 0 && ::kill(holder.pid, 0) != 0 && errno == ESRCH; }

/// Kills the programs that a dead holder left. They are known by a token that nothing else can have.
void end_children_of(const Holder& holder) {
  if (holder.token.size() < 16) return;
  const std::string mark = fmt::format("{}={}", kTokenVariable, holder.token);
  std::error_code failed;
  for (fs::directory_iterator entry("/proc", failed); !failed && entry != fs::directory_iterator();
       entry.increment(failed)) {
    const auto pid = parse_u64(entry->path().filename().string());
    if (!pid || *pid == static_cast<uint64_t>(::getpid())) continue;
    const auto environment = read_file(entry->path() / "environ");
    if (!environment) continue;
    for (const std::string_view variable : split(*environment, '\0')) {
      if (variable == mark) ::kill(static_cast<pid_t>(*pid), SIGKILL);
    }
  }
}

}  // namespace

Result<std::optional<WorkLock>> WorkLock::try_take(const fs::path& path, std::string_view doing) {
  auto lock = TRY(take_now(path, doing));
  const Holder holder = read_holder(path);
  if (lock || !is_dead(holder)) return lock;
  end_children_of(holder);  // they end soon, but not at once
  const Deadline soon = Deadline::after(std::chrono::seconds(5));
  while (!lock && wait_until(soon.at_most(Millis(50))) == Wake::kDeadline && !soon.expired()) {
    lock = TRY(take_now(path, doing));
  }
  return lock;
}

Result<std::optional<WorkLock>> WorkLock::take_now(const fs::path& path, std::string_view doing) {
  TRY(make_dirs(path.parent_path()));
  auto lock = TRY(FileLock::try_take(path));
  if (!lock) return std::optional<WorkLock>();
  std::string token = random_hex(16);
  TRY(write_file_atomic(holder_file(path), fmt::format("{}\n{}\n{}\n", ::getpid(), token, doing)));
  return std::optional<WorkLock>(WorkLock(*std::move(lock), std::move(token)));
}

Result<WorkLock> WorkLock::take(const fs::path& path, std::string_view doing, const Deadline& deadline,
                                const ProgressSink& progress) {
  std::optional<Step> waiting;
  while (true) {
    if (auto lock = TRY(take_now(path, doing))) return *std::move(lock);
    const Holder holder = read_holder(path);
    std::string who =
        holder.pid > 0 ? fmt::format("process {}, which {}", holder.pid, holder.doing) : "another process";
    if (is_dead(holder)) {
      who = fmt::format("what is left of process {}, which was killed", holder.pid);
      end_children_of(holder);
    }
    if (!waiting) waiting.emplace(progress, "wait", who);
    waiting->at(0, who);
    const Wake wake = wait_until(deadline.at_most(Millis(200)));
    if (wake == Wake::kStopped || deadline.expired()) return wait_error(wake, fmt::format("end of {}", who));
  }
}

void WorkLock::share_with(Command& command) const {
  command.keep_fds.push_back(lock_.fd());
  command.env[kTokenVariable] = token_;
}

}  // namespace holdfast
