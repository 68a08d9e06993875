// Is a host held by one process only, whatever happens to the processes: races, kill -9, a long stop?
//
// The other processes are this program again: with kFolderOfOther in its environment it obeys the words on its standard
// input before any test begins.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <iostream>
#include <optional>

#include "harness/base/process.h"
#include "harness/base/text.h"
#include "lab/lease/lease.h"

namespace holdfast::lab {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kFolderOfOther = "HOLDFAST_LEASE_TEST_FOLDER";
constexpr Millis kBeat{50};
constexpr Millis kExpiry{5'000};

LeaseTiming timing() { return {.beat = kBeat, .expiry = kExpiry}; }

/// What the other answers to "take", "release", "lost" and "check".
std::string obey(const std::string& word, const LeasePlace& place, std::optional<Lease>& lease) {
  if (word == "take") {
    auto taken = Lease::take(place, {.purpose = "other"}, timing(), Deadline::after(Millis(60'000)));
    if (!taken) return "refused " + taken.error().type() + " " + taken.error().what;
    lease.emplace(*std::move(taken));
    return "taken " + std::to_string(lease->token());
  }
  if (!lease) return "none";
  if (word == "release") {
    const auto released = lease->release(Deadline::after(Millis(60'000)));
    lease.reset();
    return released ? "released" : "refused " + released.error().type();
  }
  if (word == "lost") {
    const bool lost = wait_until(Deadline::after(Millis(60'000), &lease->lost())) == Wake::kStopped;
    return lost ? "lost " + lease->lost_because() : "held";
  }
  return Lease::check(lease->file(), lease->token()) ? "ours" : "not ours";
}

[[maybe_unused]] const bool kIsNoOther = [] {
  const char* folder = std::getenv(kFolderOfOther);
  if (folder == nullptr) return true;
  const LeasePlace place{.folder = folder, .host = "metal-1"};
  std::optional<Lease> lease;
  for (std::string word; std::getline(std::cin, word);) std::cout << obey(word, place, lease) << std::endl;
  lease.reset();
  std::_Exit(0);
}();

class OtherProcess {
 public:
  explicit OtherProcess(const std::filesystem::path& folder) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    ours_ = Fd(ends[0]);
    const Fd theirs(ends[1]);
    auto process = Process::start({.argv = {"/proc/self/exe"},
                                   .env = {{kFolderOfOther, folder.string()}},
                                   .stdin_fd = theirs.get(),
                                   .stdout_fd = theirs.get(),
                                   .stderr_fd = STDERR_FILENO});
    EXPECT_TRUE(process) << process.error().what;
    if (process) process_.emplace(*std::move(process));
  }

  void say(const std::string& word) const { EXPECT_TRUE(write_all(ours_.get(), word + "\n")); }
  std::string answer() const {
    std::string text;
    char one = 0;
    while (wait_readable(ours_.get(), Deadline::after(Millis(90'000))) == Wake::kReady &&
           ::read(ours_.get(), &one, 1) == 1 && one != '\n') {
      text += one;
    }
    return text;
  }
  std::string ask(const std::string& word) const {
    say(word);
    return answer();
  }
  void signal(int number) const { process_->signal_group(number); }
  /// Kills it without reaping: a zombie is what a controller's parent may leave for long.
  void kill() const { signal(SIGKILL); }

 private:
  Fd ours_;
  std::optional<Process> process_;
};

class LeaseProcesses : public testing::Test {
 protected:
  Result<Lease> take(Millis patience = Millis(60'000)) {
    return Lease::take(place_, {.purpose = "test"}, timing(), Deadline::after(patience));
  }
  TempDir dir_ = *TempDir::create();
  LeasePlace place_{.folder = dir_.path(), .host = "metal-1"};
};

TEST_F(LeaseProcesses, OfTwoTakersOneGetsIt) {
  const std::array<OtherProcess, 2> others{OtherProcess(dir_.path()), OtherProcess(dir_.path())};
  uint64_t last = 0;
  for (int round = 0; round < 50; ++round) {
    for (const OtherProcess& other : others) other.say("take");
    const std::array<std::string, 2> answers{others[0].answer(), others[1].answer()};
    const size_t winner = answers[0].starts_with("taken ") ? 0 : 1;
    ASSERT_THAT(answers.at(winner), StartsWith("taken ")) << answers.at(1 - winner);
    ASSERT_THAT(answers.at(1 - winner), StartsWith("refused lab.leased metal-1 is held by")) << "round " << round;
    const auto token = parse_u64(std::string_view(answers.at(winner)).substr(6));
    ASSERT_TRUE(token);
    EXPECT_GT(*token, last);
    last = *token;
    ASSERT_EQ(others.at(winner).ask("release"), "released");
  }
}

TEST_F(LeaseProcesses, AKilledHolderIsTakenOverAtOnce) {
  const OtherProcess other(dir_.path());
  ASSERT_EQ(other.ask("take"), "taken 1");
  EXPECT_EQ(take(Millis(0)).error().type(), "lab.leased");
  other.kill();
  ASSERT_EQ(other.answer(), "") << "its end";
  // Much less than what it takes to expire, but a process that was killed may take a moment to die.
  LeaseTiming patient = timing();
  patient.expiry = Millis(3'600'000);
  const Deadline deadline = Deadline::after(Millis(30'000));
  auto lease = Lease::take(place_, {}, patient, Deadline::after(Millis(0)));
  while (!lease && !deadline.expired()) lease = Lease::take(place_, {}, patient, Deadline::after(Millis(0)));
  ASSERT_TRUE(lease) << lease.error().what;
  EXPECT_EQ(lease->token(), 2U);
  EXPECT_THAT(lease->taken_over(), HasSubstr("his process is gone"));
}

TEST_F(LeaseProcesses, AHolderThatSleptTooLongNoticesItsSuccessor) {
  const OtherProcess other(dir_.path());
  ASSERT_EQ(other.ask("take"), "taken 1");
  ASSERT_EQ(other.ask("check"), "ours");
  other.signal(SIGSTOP);
  LeaseRequest waits{.purpose = "successor", .wait = true};
  const auto lease = Lease::take(place_, waits, timing(), Deadline::after(Millis(60'000)));
  ASSERT_TRUE(lease) << lease.error().what;
  EXPECT_EQ(lease->token(), 2U);
  EXPECT_THAT(lease->taken_over(), HasSubstr("no sign of life for too long"));
  other.signal(SIGCONT);
  EXPECT_EQ(other.ask("check"), "not ours") << "at once, before its own threads have noticed";
  EXPECT_THAT(other.ask("lost"), StartsWith("lost "));
  EXPECT_EQ(other.ask("release"), "refused lab.lease-lost");
  EXPECT_TRUE(Lease::check(lease->file(), lease->token())) << "the late one changed nothing";
  wait_until(Deadline::after(kBeat * 10));
  EXPECT_FALSE(lease->lost().requested());
}

TEST_F(LeaseProcesses, AHolderThatLivesIsNotTakenOver) {
  const OtherProcess other(dir_.path());
  ASSERT_EQ(other.ask("take"), "taken 1");
  LeaseRequest waits{.purpose = "impatient", .wait = true};
  EXPECT_EQ(Lease::take(place_, waits, timing(), Deadline::after(kExpiry * 6 / 5)).error().type(), "lab.leased");
  EXPECT_EQ(other.ask("check"), "ours");
}

TEST_F(LeaseProcesses, AHolderWhoseFolderGoesAwayStops) {
  const OtherProcess other(dir_.path());
  ASSERT_EQ(other.ask("take"), "taken 1");
  const auto away = dir_.path().string() + ".away";
  std::filesystem::rename(dir_.path(), away);
  EXPECT_THAT(other.ask("lost"), StartsWith("lost "));
  std::filesystem::rename(away, dir_.path());
}

}  // namespace
}  // namespace holdfast::lab
