// Does a lease keep to its word within one process: who holds, since when, what expires and what does not?
#include "lab/lease/lease.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>

#include "lab/lease/marks.h"
#include "lab/lease/observer.h"

namespace holdfast::lab {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using testing::HasSubstr;

/// A clock that stands until it is moved.
class HandClock {
 public:
  LeaseClock clock() {
    return {.since_boot = [this] { return Millis(since_boot.load()); },
            .wall = [this] { return LeaseClock::Wall(seconds(wall.load())); }};
  }
  std::atomic<Millis::rep> since_boot = 1'000'000;
  std::atomic<seconds::rep> wall = 1'900'000'920;  // 2030-03-17 18:02
};

class LeaseFiles : public testing::Test {
 protected:
  LeaseTiming timing() { return {.beat = Millis(20), .expiry = Millis(60'000), .clock = hand_.clock()}; }
  Result<Lease> take() {
    return Lease::take(place_, {.purpose = "holdfast run", .run_dir = "/runs/7"}, timing(), soon());
  }
  static Deadline soon() { return Deadline::after(Millis(20'000)); }
  static Deadline now() { return Deadline::after(Millis(0)); }
  /// A lease of a holder on another machine.
  void write_foreign(uint64_t token, uint64_t count = 0) {
    LeaseRecord record{
        .owner = {.user = "alice", .host = "ctl-2", .pid = 4711, .start = 1, .boot_id = "b", .space = "s"},
        .purpose = "holdfast run",
        .run_dir = "/runs/3",
        .console = {},
        .token = token,
        .taken_at = hand_.clock().wall(),
        .taken_since_boot = Millis(1),
        .expiry = Millis(400)};
    ASSERT_TRUE(write_file(place_.lease(), to_json(record)));
    write_foreign_beat(token, count);
  }
  void write_foreign_beat(uint64_t token, uint64_t count) {
    const Beat beat{.token = token, .count = count, .at = hand_.clock().wall(), .since_boot = Millis(1)};
    ASSERT_TRUE(write_file(place_.beat(token), to_json(beat)));
  }
  static bool await_lost(const Lease& lease) {
    return wait_until(Deadline::after(Millis(20'000), &lease.lost())) == Wake::kStopped;
  }

  TempDir dir_ = *TempDir::create();
  HandClock hand_;
  LeasePlace place_{.folder = dir_.path(), .host = "metal-1"};
};

TEST_F(LeaseFiles, IsHeldByOneAndFreeAfterItsRelease) {
  auto first = take();
  ASSERT_TRUE(first) << first.error().what;
  EXPECT_TRUE(Lease::check(first->file(), first->token(), hand_.clock()));
  const auto second = take();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().type(), "lab.leased");
  EXPECT_THAT(second.error().what, HasSubstr("metal-1 is held by "));
  EXPECT_THAT(second.error().what, HasSubstr("(holdfast run in /runs/7, pid " + std::to_string(::getpid()) +
                                             ") since 18:02 UTC, last sign of life 0 s ago"));
  EXPECT_THAT(second.error().hint, HasSubstr("holdfast lab release metal-1 --force"));
  ASSERT_TRUE(first->release(soon()));
  EXPECT_FALSE(Lease::check(place_.lease(), 1, hand_.clock()));
  const auto third = take();
  ASSERT_TRUE(third) << third.error().what;
  EXPECT_GT(third->token(), first->token());
  EXPECT_EQ(third->taken_over(), "");
}

TEST_F(LeaseFiles, DestructionReleases) {
  {
    ASSERT_TRUE(take());
  }
  EXPECT_FALSE(std::filesystem::exists(place_.lease()));
  EXPECT_FALSE(std::filesystem::exists(place_.beat(1)));
  EXPECT_TRUE(take());
}

TEST_F(LeaseFiles, AbandonedItStaysForWhoComesNext) {
  {
    auto lease = take();
    ASSERT_TRUE(lease);
    lease->abandon();
  }
  EXPECT_TRUE(std::filesystem::exists(place_.lease()));
}

TEST_F(LeaseFiles, IsLostWhenSomebodyReleasesItByForce) {
  auto lease = take();
  ASSERT_TRUE(lease);
  EXPECT_FALSE(lease->lost().requested());
  {
    const auto lock = lock_place(place_, soon());
    ASSERT_TRUE(lock);
    ASSERT_TRUE(clear_lease(place_));
  }
  EXPECT_TRUE(await_lost(*lease));
  EXPECT_THAT(lease->lost_because(), HasSubstr("by force"));
  EXPECT_EQ(lease->release(soon()).error().type(), "lab.lease-lost");
}

TEST_F(LeaseFiles, IsLostWhenAnotherTokenStandsInTheFileAndIsLeftAlone) {
  auto lease = take();
  ASSERT_TRUE(lease);
  write_foreign(lease->token() + 5);
  EXPECT_TRUE(await_lost(*lease));
  EXPECT_THAT(lease->lost_because(), HasSubstr("taken over by alice@ctl-2"));
  EXPECT_FALSE(Lease::check(lease->file(), lease->token(), hand_.clock()));
  EXPECT_FALSE(lease->release(soon()));
  EXPECT_TRUE(std::filesystem::exists(place_.lease())) << "it belongs to somebody else";
}

TEST_F(LeaseFiles, IsLostBeforeOthersMayTakeItWhenItCannotBeRenewed) {
  auto lease = take();
  ASSERT_TRUE(lease);
  // The heartbeat's place is taken by a folder: even root cannot write there.
  std::error_code failed;
  const auto block = [&] {
    std::filesystem::remove(place_.beat(lease->token()), failed);
    return std::filesystem::create_directory(place_.beat(lease->token()), failed);
  };
  while (!block()) wait_until(Deadline::after(Millis(1)));
  ASSERT_TRUE(write_file(place_.beat(lease->token()) / "in-the-way", ""));
  wait_until(Deadline::after(Millis(200)));
  EXPECT_FALSE(lease->lost().requested()) << "a short trouble is borne";
  hand_.since_boot += timing().patience().count() + 1;
  EXPECT_TRUE(await_lost(*lease));
  EXPECT_THAT(lease->lost_because(), HasSubstr("could not be renewed for 40 s: "));
  EXPECT_LT(timing().patience(), timing().expiry);
}

TEST_F(LeaseFiles, AFolderMadeReadOnlyEndsTheLease) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  auto lease = take();
  ASSERT_TRUE(lease);
  ASSERT_EQ(::chmod(dir_.path().c_str(), 0500), 0);
  hand_.since_boot += timing().patience().count() + 1;
  EXPECT_TRUE(await_lost(*lease));
  ASSERT_EQ(::chmod(dir_.path().c_str(), 0700), 0);
}

TEST_F(LeaseFiles, StepsOfTheWallClockExpireNothing) {
  auto lease = take();
  ASSERT_TRUE(lease);
  for (const seconds::rep step : {86'400, -2 * 86'400}) {
    hand_.wall += step;
    wait_until(Deadline::after(Millis(100)));
    EXPECT_FALSE(lease->lost().requested());
    EXPECT_TRUE(Lease::check(lease->file(), lease->token(), hand_.clock()));
    EXPECT_FALSE(take());
  }
}

TEST_F(LeaseFiles, AHolderElsewhereIsJudgedByWhetherHisHeartbeatChanges) {
  const LeaseTiming timing{.beat = Millis(20), .expiry = Millis(60'000), .clock = hand_.clock()};
  LeaseObserver observer(timing, *Owner::self());
  write_foreign(3);
  const auto look = [&] { return observer.look(*read_standing(place_)); };
  hand_.wall += 365 * 86'400;  // his clock is a year late: that says nothing
  EXPECT_EQ(look(), Sign::kUncertain);
  write_foreign_beat(3, 1);
  EXPECT_EQ(look(), Sign::kAlive);
  hand_.since_boot += 399;
  EXPECT_EQ(look(), Sign::kUncertain);
  hand_.since_boot += 1;
  EXPECT_EQ(look(), Sign::kExpired) << "his own time of expiry counts, not ours";
}

TEST_F(LeaseFiles, ADeadHolderElsewhereIsTakenOverAfterHisExpiryAndNamed) {
  write_foreign(3);
  LeaseTiming real = timing();
  real.clock = LeaseClock::real();
  EXPECT_EQ(Lease::take(place_, {}, real, now()).error().type(), "lab.leased");
  const auto lease = Lease::take(place_, {}, real, soon());
  ASSERT_TRUE(lease) << lease.error().what;
  EXPECT_EQ(lease->token(), 4U);
  EXPECT_THAT(lease->taken_over(), HasSubstr("alice@ctl-2 (holdfast run in /runs/3, pid 4711)"));
}

TEST_F(LeaseFiles, ATornLeaseFileIsHeldUntilItExpires) {
  ASSERT_TRUE(write_file(place_.token(), "7\n"));
  for (const std::string torn : {"{\"user\": \"alice\", \"ho", ""}) {
    ASSERT_TRUE(write_file(place_.lease(), torn));
    LeaseTiming real = timing();
    real.clock = LeaseClock::real();
    real.expiry = Millis(300);
    const auto refused = Lease::take(place_, {}, real, now());
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().what, HasSubstr("lease file cannot be read"));
    const auto lease = Lease::take(place_, {}, real, soon());
    ASSERT_TRUE(lease) << lease.error().what;
    EXPECT_GT(lease->token(), 7U);
    EXPECT_THAT(lease->taken_over(), HasSubstr("cannot be read"));
  }
}

TEST_F(LeaseFiles, TheTokenNeverGoesBack) {
  uint64_t last = 0;
  {
    last = take()->token();
  }
  ASSERT_TRUE(write_file(place_.token(), "rubbish"));
  const auto refused = take();
  ASSERT_FALSE(refused) << "nothing else says how many there were";
  EXPECT_EQ(refused.error().type(), "lab.lease-token");
  ASSERT_TRUE(write_file(place_.token(), "41\n"));
  auto lease = take();
  ASSERT_TRUE(lease);
  EXPECT_EQ(lease->token(), 42U);
  EXPECT_GT(lease->token(), last);
  ASSERT_TRUE(remove_file(place_.token()));
  write_foreign(50);
  LeaseTiming real = timing();
  real.clock = LeaseClock::real();
  const auto next = Lease::take(place_, {}, real, soon());
  ASSERT_TRUE(next);
  EXPECT_EQ(next->token(), 51U) << "the lease's own token counts when the file is gone";
}

TEST_F(LeaseFiles, TellsWhereTheConsoleIs) {
  auto lease = take();
  ASSERT_TRUE(lease);
  ASSERT_TRUE(lease->tell_console("/run/x/console.sock", soon()));
  EXPECT_EQ(read_standing(place_)->lease->console, "/run/x/console.sock");
  wait_until(Deadline::after(Millis(100)));
  EXPECT_FALSE(lease->lost().requested());
}

TEST_F(LeaseFiles, NeedsAFolderThatIsThereAndANameThatIsAFile) {
  EXPECT_EQ(Lease::take({.folder = dir_.path() / "not-mounted", .host = "m"}, {}, timing(), now()).error().type(),
            "lab.lease-folder");
  EXPECT_EQ(Lease::take({.folder = dir_.path(), .host = "../m"}, {}, timing(), now()).error().type(), "harness.usage");
  LeaseTiming hasty = timing();
  hasty.expiry = hasty.beat * 2;
  EXPECT_EQ(Lease::take(place_, {}, hasty, now()).error().type(), "harness.usage");
}

TEST_F(LeaseFiles, AReservationKeepsOthersOutUntilItsTime) {
  ASSERT_TRUE(reserve(place_, "the NIC", hours(2), timing(), soon()));
  EXPECT_TRUE(take()) << "her own runs may use it";
  auto made = *parse_reservation(*read_file(place_.reservation()));
  made.user = "somebody-else";
  ASSERT_TRUE(write_file(place_.reservation(), to_json(made)));
  const auto refused = take();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().type(), "lab.leased");
  EXPECT_THAT(refused.error().what, HasSubstr("(the NIC) since 18:02 UTC until 20:02 UTC"));
  EXPECT_FALSE(reserve(place_, "", hours(1), timing(), soon()));
  hand_.wall += 2 * 3600;
  EXPECT_TRUE(take());
  EXPECT_FALSE(*reservation_of(place_, hand_.clock()));
}

TEST_F(LeaseFiles, WhoIsHeldByAnotherCannotBeReserved) {
  write_foreign(3);
  EXPECT_EQ(reserve(place_, "", hours(1), timing(), soon()).error().type(), "lab.leased");
}

TEST_F(LeaseFiles, QuarantineStaysUntilItIsLifted) {
  EXPECT_FALSE(*quarantine_of(place_));
  ASSERT_TRUE(set_quarantine(place_, {.why = "ssh is silent", .run = "run 7", .rung = "power cycle"}, hand_.clock()));
  auto found = *quarantine_of(place_);
  ASSERT_TRUE(found);
  EXPECT_EQ(quarantine_text(*found, hand_.clock().wall()),
            "in quarantine since 18:02 UTC: ssh is silent (found by run 7, last tried: power cycle)");
  ASSERT_TRUE(write_file(place_.quarantine(), "{"));
  found = *quarantine_of(place_);
  ASSERT_TRUE(found) << "a file that cannot be read is no clean bill";
  EXPECT_THAT(found->why, HasSubstr("cannot be read"));
  ASSERT_TRUE(lift_quarantine(place_));
  EXPECT_FALSE(*quarantine_of(place_));
}

}  // namespace
}  // namespace holdfast::lab
