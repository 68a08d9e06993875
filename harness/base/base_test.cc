// Do results, deadlines, files and digests keep their word?
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <array>
#include <memory>
#include <thread>

#include "harness/base/deadline.h"
#include "harness/base/digest.h"
#include "harness/base/file.h"

namespace holdfast {
namespace {

Result<std::unique_ptr<int>> make(bool good) {
  if (!good) return lab_error("test", "no int");
  return std::make_unique<int>(7);
}

Result<int> unwrap(bool good) {
  const auto value = TRY_IN("unwrapping", make(good));
  return *value;
}

TEST(Result, PassesValuesAndErrorsOn) {
  EXPECT_EQ(*unwrap(true), 7);
  const auto failed = unwrap(false);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().type(), "lab.test");
  EXPECT_EQ(failed.error().what, "unwrapping: no int");
}

TEST(ResultDeathTest, StopsTheProgramWhenAValueIsTakenThatIsNotThere) {
  auto failed = unwrap(false);
  EXPECT_DEATH((void)*failed, "");
}

TEST(Error, KeepsItsEvidence) {
  Error error = kernel_error("hang", "silent").with("console", "last words").because("look at it").in("during wait");
  error = std::move(error).with("more", "text");
  EXPECT_EQ(error.what, "during wait: silent");
  EXPECT_EQ(error.hint, "look at it");
  ASSERT_EQ(error.evidence.size(), 2U);
  EXPECT_EQ(error.evidence[0].text, "last words");
}

TEST(Deadline, EndsAWait) {
  const Fd never(::eventfd(0, EFD_CLOEXEC));
  EXPECT_EQ(wait_readable(never.get(), Deadline::after(Millis(20))), Wake::kDeadline);
  EXPECT_EQ(wait_readable(never.get(), Deadline::after(Millis(-5))), Wake::kDeadline);
}

TEST(Deadline, AtMostNeverMakesItLater) {
  const auto soon = Deadline::after(Millis(10));
  EXPECT_LE(soon.at_most(Millis(60'000)).remaining(), Millis(10));
  EXPECT_LE(Deadline::never().at_most(Millis(10)).remaining(), Millis(10));
}

TEST(Stop, WakesAWaitFromAnotherThread) {
  const Stop stop = *Stop::create();
  EXPECT_FALSE(stop.requested());
  const std::jthread asks([&] { stop.request(); });
  EXPECT_EQ(wait_until(Deadline::never(&stop)), Wake::kStopped);
  EXPECT_TRUE(stop.requested());
  EXPECT_EQ(wait_until(Deadline::never(&stop)), Wake::kStopped) << "a stop is never taken back";
}

TEST(Files, AreReplacedWhole) {
  const TempDir dir = *TempDir::create();
  const auto path = dir.path() / "file";
  ASSERT_TRUE(write_file_atomic(path, "one"));
  ASSERT_TRUE(write_file_atomic(path, "two"));
  EXPECT_EQ(*read_file(path), "two");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.path()), {}), 1) << "something was left beside it";
}

TEST(Files, SayWhichFileAndWhy) {
  const auto missing = read_file("/nonexistent/file");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().what, "open /nonexistent/file: No such file or directory (ENOENT)");
  EXPECT_FALSE(write_file_atomic("/nonexistent/file", "x"));
}

TEST(Files, AreNotReadBeyondTheCap) {
  const TempDir dir = *TempDir::create();
  ASSERT_TRUE(write_file(dir.path() / "big", std::string(200'000, 'x')));
  EXPECT_FALSE(read_file(dir.path() / "big", 1000));
  EXPECT_TRUE(read_file(dir.path() / "big", 200'000));
}

TEST(TempDir, IsGoneAfterwards) {
  std::filesystem::path path;
  {
    const TempDir dir = *TempDir::create();
    path = dir.path();
    ASSERT_TRUE(write_file(path / "inside", "x"));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(TempDir, IsItsOwnersAlone) {
  const TempDir one = *TempDir::create();
  const TempDir other = *TempDir::create();
  EXPECT_NE(one.path(), other.path());
  EXPECT_EQ(std::filesystem::status(one.path()).permissions(), std::filesystem::perms::owner_all);
}

TEST(FileLock, IsHeldByOneAtATime) {
  const TempDir dir = *TempDir::create();
  const auto path = dir.path() / "lock";
  {
    const auto first = *FileLock::try_take(path);
    EXPECT_TRUE(first.has_value());
    EXPECT_FALSE((*FileLock::try_take(path)).has_value());
  }
  EXPECT_TRUE((*FileLock::try_take(path)).has_value());
}

TEST(Digest, IsSha256) {
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");  // FIPS 180-4
  EXPECT_EQ(Digest().add("a").add("bc").hex(), sha256("abc"));
}

TEST(RandomHex, IsNeverTheSame) {
  EXPECT_EQ(random_hex(8).size(), 16U);
  EXPECT_NE(random_hex(8), random_hex(8));
}

}  // namespace
}  // namespace holdfast
