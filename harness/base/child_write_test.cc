// Does a write in a process of its own say how it ended? (The agent's WriteJobs tests block it.)
#include "harness/base/child_write.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cerrno>

#include "harness/base/file.h"

namespace holdfast {
namespace {

TEST(ChildWrite, GivesTheErrnoAndLeavesNoChild) {
  for (const auto& [path, expected] : {std::pair("/dev/null", 0), std::pair("/dev/full", ENOSPC)}) {
    const auto file = open_file(path, O_WRONLY);
    ASSERT_TRUE(file);
    const auto write = ChildWrite::start(*file, "text");
    ASSERT_TRUE(write);
    EXPECT_EQ(write->wait(Deadline::after(Millis(20'000))), std::optional(expected)) << path;
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << path;
  }
}

}  // namespace
}  // namespace holdfast
