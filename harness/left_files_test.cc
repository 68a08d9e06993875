// Is what the dead left found, and nothing else touched?
#include "harness/left_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/file.h"
#include "harness/base/temp_name.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::SizeIs;

/// The number of a process that has ended and was reaped.
pid_t dead_pid() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  return child;
}

/// The name that such a process's folder would have.
std::string name_of(pid_t pid, const std::string& prefix = "holdfast-e2e") {
  std::string name = temp_template(prefix);
  const std::string own = std::to_string(::getpid());
  name.replace(prefix.size() + 1, own.size(), std::to_string(pid));
  return name.replace(name.size() - 6, 6, "a1B2c3");
}

class LeftFiles : public testing::Test {
 protected:
  fs::path make(const std::string& name) const {
    EXPECT_TRUE(make_dirs(place_ / name / "inside").ok());
    EXPECT_TRUE(write_file(place_ / name / "inside" / "file", "x").ok());
    return place_ / name;
  }
  TempDir dir_ = *TempDir::create();
  fs::path place_ = dir_.path();
};

TEST_F(LeftFiles, FoldersOfTheDeadAreFoundAndRemoved) {
  const fs::path dead = make(name_of(dead_pid()));
  const auto left = left_folders(place_);
  ASSERT_THAT(left, SizeIs(1));
  EXPECT_THAT(left[0].what, HasSubstr(dead.string()));
  EXPECT_TRUE(left[0].clean(Deadline::after(Millis(1000))).ok());
  EXPECT_FALSE(fs::exists(dead));
}

TEST_F(LeftFiles, FoldersOfTheLivingOfOthersAndOfElsewhereAreLeftAlone) {
  make(name_of(::getpid()));
  make(name_of(dead_pid(), "alien"));
  make("holdfast-mine");
  make("holdfast-e2e-12.zz-a1B2c3");
  std::string elsewhere = name_of(dead_pid());
  elsewhere.replace(elsewhere.find('.') + 1, 1, "7");
  make(elsewhere);
  const fs::path precious = make("precious");
  fs::create_directory_symlink(precious, place_ / name_of(dead_pid()));
  EXPECT_THAT(left_folders(place_), SizeIs(0));
}

TEST_F(LeftFiles, ATempDirIsKnownByItsName) {
  const auto owner = temp_owner(dir_.path().filename().string());
  ASSERT_TRUE(owner);
  EXPECT_EQ(owner->pid, ::getpid());
  EXPECT_TRUE(owner->here);
}

TEST_F(LeftFiles, AHalfMadeMachineIsLeftWhenNobodyHoldsItsLock) {
  const fs::path half = make("snapshots/key.01ab.new");
  ASSERT_TRUE(write_file(place_ / "snapshots/key.lock", "").ok());
  {
    const auto maker = FileLock::try_take(place_ / "snapshots/key.lock");
    ASSERT_TRUE(maker.ok() && *maker);
    EXPECT_THAT(left_in_cache(place_), SizeIs(0)) << "its maker lives";
  }
  const auto left = left_in_cache(place_);
  ASSERT_THAT(left, SizeIs(1));
  {
    const auto maker = FileLock::try_take(place_ / "snapshots/key.lock");
    EXPECT_FALSE(left[0].clean(Deadline::after(Millis(1000))).ok()) << "somebody makes it by now";
  }
  EXPECT_TRUE(left[0].clean(Deadline::after(Millis(1000))).ok());
  EXPECT_FALSE(fs::exists(half));
}

TEST_F(LeftFiles, OtherHalvesAreLeftWhenNobodyHasWrittenForLong) {
  const fs::path fresh = make("kernels/.new-01ab");
  const fs::path old = make("payloads/x.cpio.01ab.new");
  fs::last_write_time(old, fs::file_time_type::clock::now() - std::chrono::hours(1));
  make("payloads/whole");
  const auto left = left_in_cache(place_);
  ASSERT_THAT(left, SizeIs(1));
  EXPECT_THAT(left[0].what, HasSubstr(old.string()));
}

TEST(CleanUp, SaysWhatWasDoneWhatWouldBeAndWhatCouldNot) {
  int cleaned = 0;
  const std::vector<Leftover> left{
      {.what = "a",
       .whose = "x",
       .done = "removed",
       .clean = [&](const Deadline&) { return ++cleaned, Result<void>(); }},
      {.what = "b",
       .whose = "y",
       .done = "ended",
       .clean = [](const Deadline&) -> Result<void> { return lab_error("busy", "it lives"); }},
      {.what = "c", .whose = "z", .done = "stays", .clean = {}}};
  const Cleaning dry = clean_up(left, /*dry_run=*/true, Deadline::after(Millis(1000)));
  EXPECT_EQ(cleaned, 0);
  EXPECT_TRUE(dry.complete);
  EXPECT_EQ(dry.rows[1][2], "would be removed");
  const Cleaning done = clean_up(left, /*dry_run=*/false, Deadline::after(Millis(1000)));
  EXPECT_EQ(cleaned, 1);
  EXPECT_FALSE(done.complete);
  EXPECT_EQ(done.rows[1][2], "removed");
  EXPECT_EQ(done.rows[2][2], "NOT ended: it lives");
  EXPECT_EQ(done.rows[3][2], "stays");
}

}  // namespace
}  // namespace holdfast
