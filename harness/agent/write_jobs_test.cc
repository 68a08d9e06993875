// Does a write that the kernel blocks stay in its child, and is it found again? Pipes block as sysfs does.
#include "harness/agent/write_jobs.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>

#include "harness/base/file.h"

namespace holdfast::agent {
namespace {

namespace fs = std::filesystem;

Deadline soon() { return Deadline::after(Millis(5000)); }

class WriteJobsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = TempDir::create("write-jobs");
    ASSERT_TRUE(folder);
    folder_.emplace(*std::move(folder));
    file_ = folder_->path() / "file";
  }
  void TearDown() override {
    reader_.reset();  // whoever is blocked gets EPIPE
    while (::wait(nullptr) > 0) {
    }
  }

  /// Makes the file a pipe that is full, so that a write to it blocks.
  void make_blocking() {
    ASSERT_EQ(::mkfifo(file_.c_str(), 0600), 0);
    reader_ = Fd(::open(file_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    const Fd filler(::open(file_.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    const std::array<char, 4096> page{};
    while (::write(filler.get(), page.data(), page.size()) > 0) {
    }
  }
  void unblock() {
    std::array<char, 65536> sink{};
    while (::read(reader_.get(), sink.data(), sink.size()) > 0) {
    }
  }

  std::optional<TempDir> folder_;
  fs::path file_;
  Fd reader_;
  WriteJobs jobs_;
};

TEST_F(WriteJobsTest, WritesAndSaysSo) {
  ASSERT_TRUE(write_file(file_, ""));
  const auto job = jobs_.start(file_, "text");
  ASSERT_TRUE(job);
  const auto ended = jobs_.wait(*job, soon());
  ASSERT_TRUE(ended);
  EXPECT_EQ(*ended, std::optional(0));
  EXPECT_EQ(*read_file(file_), "text");
  EXPECT_FALSE(jobs_.wait(*job, soon())) << "a job that has ended is forgotten";
}

TEST_F(WriteJobsTest, GivesTheErrnoOfTheWrite) {
  const auto job = jobs_.start("/dev/full", "text");
  ASSERT_TRUE(job);
  EXPECT_EQ(*jobs_.wait(*job, soon()), std::optional(ENOSPC));
}

TEST_F(WriteJobsTest, IsTheKernelsRefusalWhenThereIsNoSuchFile) {
  const auto job = jobs_.start(file_, "text");
  ASSERT_FALSE(job);
  EXPECT_EQ(job.error().type(), "kernel.refused");
  EXPECT_EQ(job.error().errnum, ENOENT);
}

TEST_F(WriteJobsTest, WaitsForABlockedWriteOnlyAsLongAsAskedTo) {
  make_blocking();
  const auto job = jobs_.start(file_, "text");
  ASSERT_TRUE(job);
  EXPECT_EQ(*jobs_.wait(*job, Deadline::after(Millis(50))), std::nullopt);
  unblock();
  EXPECT_EQ(*jobs_.wait(*job, soon()), std::optional(0));
}

TEST_F(WriteJobsTest, FindsABlockedWriteOfTheSameAgain) {
  make_blocking();
  const auto job = jobs_.start(file_, "text");
  ASSERT_TRUE(job);
  EXPECT_EQ(*jobs_.start(file_, "text"), *job);
  EXPECT_NE(*jobs_.start(file_, "other text"), *job);
}

TEST_F(WriteJobsTest, WritesAnewWhatHasEndedUnseen) {
  make_blocking();
  const auto first = jobs_.start(file_, "text");
  ASSERT_TRUE(first);
  EXPECT_EQ(*jobs_.wait(*first, Deadline::after(Millis(10))), std::nullopt);
  unblock();
  ::wait(nullptr);  // it has ended, and nobody asked how
  unblock();
  const auto second = jobs_.start(file_, "text");
  ASSERT_TRUE(second);
  EXPECT_NE(*second, *first);
  EXPECT_EQ(*jobs_.wait(*second, soon()), std::optional(0));
  std::array<char, 16> written{};
  EXPECT_EQ(::read(reader_.get(), written.data(), written.size()), 4) << "written a second time";
}

TEST_F(WriteJobsTest, SaysThatAChildWasKilled) {
  make_blocking();
  const auto job = jobs_.start(file_, "text");
  ASSERT_TRUE(job);
  const auto children = read_file("/proc/thread-self/children");
  if (!children) GTEST_SKIP() << "this kernel does not tell who the children are: " << children.error().what;
  ASSERT_EQ(::kill(std::stoi(*children), SIGKILL), 0);
  EXPECT_EQ(*jobs_.wait(*job, soon()), std::optional(EINTR));
}

TEST_F(WriteJobsTest, KeepsNothingElseOpenInTheChild) {
  make_blocking();
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const Fd read_end(ends[0]);
  Fd write_end(ends[1]);
  ASSERT_TRUE(jobs_.start(file_, "text"));
  write_end.reset();
  char byte = 0;
  EXPECT_EQ(wait_readable(read_end.get(), soon()), Wake::kReady);
  EXPECT_EQ(::read(read_end.get(), &byte, 1), 0) << "the child is blocked, and yet this was the last writer";
}

}  // namespace
}  // namespace holdfast::agent
