// What does a next kernel get of the initrd that this one was started with?
#include "harness/agent/kexec.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>

#include "harness/base/file.h"

namespace holdfast::agent {
namespace {

class FirstBytesTest : public testing::Test {
 protected:
  Fd source(const std::string& content) {
    const auto path = dir_.path() / "initrd";
    EXPECT_TRUE(write_file(path, content));
    return *open_file(path, O_RDONLY);
  }
  TempDir dir_ = *TempDir::create("first-bytes");
};

TEST_F(FirstBytesTest, AreThoseAndNoMore) {
  const std::string vital(3'000'000, 'v');
  const Fd from = source(vital + "files");
  const auto part = first_bytes(from.get(), vital.size());
  ASSERT_TRUE(part);
  std::string seen(vital.size() + 10, '\0');
  EXPECT_EQ(::pread(part->get(), seen.data(), seen.size(), 0), static_cast<ssize_t>(vital.size()));
  seen.resize(vital.size());
  EXPECT_TRUE(seen == vital);
}

TEST_F(FirstBytesTest, CannotBeWrittenToSinceTheKernelTakesNoSuchFile) {
  const Fd from = source("vital, files");
  const auto part = first_bytes(from.get(), 5);
  ASSERT_TRUE(part);
  EXPECT_EQ(::write(part->get(), "x", 1), -1);
  EXPECT_EQ(errno, EBADF);
}

TEST_F(FirstBytesTest, OfAnInitrdThatIsShorterAreAnError) {
  const Fd from = source("short");
  const auto part = first_bytes(from.get(), 6);
  ASSERT_FALSE(part);
  EXPECT_THAT(part.error().what, testing::HasSubstr("5 bytes is to have 6"));
}

}  // namespace
}  // namespace holdfast::agent
