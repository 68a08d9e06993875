// Does a socket come to be under any path, with its client waiting, and go again?
#include "lab/qemu/unix_listener.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>

#include "harness/base/file.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;

/// Sends a word from the client to whoever accepts.
void expect_connected(UnixListener& listener) {
  const Fd client = listener.take_client();
  ASSERT_TRUE(write_all(client.get(), "word"));
  const Fd accepted(::accept4(listener.listening_fd(), nullptr, nullptr, SOCK_CLOEXEC));
  std::array<char, 5> text{};
  ASSERT_EQ(::read(accepted.get(), text.data(), 4), 4);
  EXPECT_STREQ(text.data(), "word");
}

TEST(UnixListener, HasItsClientWaiting) {
  const auto dir = TempDir::create();
  auto listener = UnixListener::create(dir->path(), "x.sock");
  ASSERT_TRUE(listener);
  expect_connected(*listener);
}

TEST(UnixListener, TakesAPathLongerThanASocketAddress) {
  const auto dir = TempDir::create();
  const fs::path deep = dir->path() / std::string(100, 'd') / std::string(100, 'e');
  ASSERT_TRUE(make_dirs(deep));
  auto listener = UnixListener::create(deep, "x.sock");
  ASSERT_TRUE(listener);
  EXPECT_TRUE(fs::is_socket(deep / "x.sock"));
  expect_connected(*listener);
}

TEST(UnixListener, ReplacesWhatAKilledProgramLeftAndRemovesItsOwn) {
  const auto dir = TempDir::create();
  ASSERT_TRUE(write_file(dir->path() / "x.sock", "stale"));
  {
    auto listener = UnixListener::create(dir->path(), "x.sock");
    ASSERT_TRUE(listener);
    const UnixListener moved = *std::move(listener);
    EXPECT_TRUE(fs::is_socket(dir->path() / "x.sock"));
  }
  EXPECT_TRUE(fs::is_empty(dir->path()));
}

TEST(UnixListener, SaysWhichFolderIsNotThere) {
  const auto listener = UnixListener::create("/no/such/folder", "x.sock");
  ASSERT_FALSE(listener);
  EXPECT_NE(listener.error().what.find("/no/such/folder"), std::string::npos);
}

TEST(UnixListener, LetsOnlyItsOwnerConnectWhateverTheUmask) {
  const auto dir = TempDir::create();
  const mode_t before = ::umask(0);
  ASSERT_TRUE(write_file(dir->path() / "control", ""));
  const auto listener = UnixListener::create(dir->path(), "x.sock");
  ::umask(before);
  ASSERT_TRUE(listener);
  EXPECT_EQ(fs::status(dir->path() / "x.sock").permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_NE(fs::status(dir->path() / "control").permissions() & fs::perms::others_read, fs::perms::none);
}

}  // namespace
}  // namespace holdfast::lab
