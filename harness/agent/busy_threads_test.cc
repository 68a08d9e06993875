// Does the work go on until it is refused, and is the memory wiped then and not before?
#include "harness/agent/busy_threads.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "harness/base/deadline.h"

namespace holdfast::agent {
namespace {

/// A memfd with this content.
Fd memory_with(const std::string& content) {
  Fd fd(::memfd_create("busy-test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(::pwrite(fd.get(), content.data(), content.size(), 0), static_cast<ssize_t>(content.size()));
  return fd;
}
std::string content_of(const Fd& fd, size_t size) {
  std::string content(size, '?');
  EXPECT_EQ(::pread(fd.get(), content.data(), size, 0), static_cast<ssize_t>(size));
  return content;
}
Fd copy_of(const Fd& fd) { return Fd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0)); }

TEST(BusyThreads, WriteUntilRefusedAndWipeThen) {
  const Fd device = memory_with(std::string(16, '.'));
  const Fd memory = memory_with("device's bytes, and others");
  BusyThreads busy;
  ASSERT_TRUE(busy.start({.device = copy_of(device),
                          .memory = copy_of(memory),
                          .wipe = 14,
                          .writes = {{.at = 4, .value = 0x64636261}, {.at = 8, .value = 0x68676665}}}));
  const Deadline patience = Deadline::after(Millis(10'000));
  while (content_of(device, 16) != "....abcdefgh...." && !patience.expired()) wait_until(Deadline::after(Millis(2)));
  EXPECT_EQ(content_of(device, 16), "....abcdefgh....");
  EXPECT_EQ(content_of(memory, 14), "device's bytes");

  ASSERT_EQ(::fcntl(device.get(), F_ADD_SEALS, F_SEAL_WRITE), 0);  // from now on a write is EPERM
  busy.join_first();
  EXPECT_EQ(content_of(memory, 26), std::string(14, '\0') + ", and others");
}

TEST(BusyThreads, EndWithoutAWipeWhenNothingRefused) {
  const Fd device = memory_with(std::string(16, '.'));
  const Fd memory = memory_with("as it was");
  {
    BusyThreads busy;
    ASSERT_TRUE(busy.start(
        {.device = copy_of(device), .memory = copy_of(memory), .wipe = 9, .writes = {{.at = 0, .value = 1}}}));
  }
  EXPECT_EQ(content_of(memory, 9), "as it was");
}

/// As an oops ends the thread that it struck, and no other one.
void end_other_threads() {
  ::signal(SIGUSR1, [](int) { ::syscall(SYS_exit, 0); });
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    const pid_t thread = std::stoi(task.path().filename().string());
    if (thread != ::getpid()) ::syscall(SYS_tgkill, ::getpid(), thread, SIGUSR1);
  }
}

// Else an oops in one of them would be a silence of the thread that serves.
TEST(BusyThreads, AreNotWaitedForWhenTheKernelHasEndedThem) {
  const Fd memory = memory_with("as it was");
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);  // should it wait
    BusyThreads busy;
    const Fd device = memory_with(std::string(16, '.'));
    const bool started =
        busy.start({.device = copy_of(device), .memory = copy_of(memory), .wipe = 9, .writes = {{.at = 0, .value = 1}}})
            .ok();
    end_other_threads();
    busy.join_first();
    ::_exit(started ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_EQ(content_of(memory, 9), "as it was");
}

TEST(BusyThreads, RefuseWorkThatIsNone) {
  BusyThreads busy;
  EXPECT_FALSE(busy.start({.device = memory_with("."), .memory = memory_with("."), .wipe = 1, .writes = {}}));
  EXPECT_FALSE(busy.start({.device = memory_with("."), .memory = memory_with("."), .wipe = 0, .writes = {{}}}));
  EXPECT_FALSE(busy.start({.device = memory_with("."), .memory = memory_with("."), .wipe = 2, .writes = {{}}}));
}

}  // namespace
}  // namespace holdfast::agent
