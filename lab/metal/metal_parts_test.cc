// Are the answers of a host, and the words of its console, read for what they are?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "lab/metal/boot_keys.h"
#include "lab/metal/last_words.h"
#include "lab/metal/management_network.h"
#include "lab/metal/own_system.h"
#include "lab/metal/real_sshd.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

Deadline soon() { return Deadline::after(Millis(60'000)); }

TEST(ManagementNetwork, IsWhatTheHostSays) {
  const auto found = parse_management_network(
      "port 22\ninterface eth0\naddress 192.0.2.7/24\nmac 52:54:00:12:34:56\nmtu 1500\ndriver igb\nroutes\n"
      "default via 192.0.2.1 proto dhcp metric 100 \ndefault via 192.0.2.254 metric 200\n"
      "192.0.2.0/24 proto kernel scope link src 192.0.2.7 \n198.51.100.0/24 via 192.0.2.2 \n");
  ASSERT_TRUE(found) << found.error().what;
  EXPECT_EQ(found->interface, "eth0");
  EXPECT_EQ(found->driver, "igb");
  EXPECT_EQ(found->ssh_port, 22);
  EXPECT_EQ(found->network.mac, "52:54:00:12:34:56");
  EXPECT_EQ(found->network.address, "192.0.2.7/24");
  EXPECT_EQ(found->network.gateway, "192.0.2.1");
  EXPECT_EQ(found->network.mtu, 1500U);
  ASSERT_EQ(found->network.routes.size(), 1U);
  EXPECT_EQ(found->network.routes[0].to, "198.51.100.0/24");
  EXPECT_EQ(found->network.routes[0].via, "192.0.2.2");
}

TEST(ManagementNetwork, MustBeAPlainCard) {
  const auto bridge = parse_management_network(
      "port 22\ninterface br0\naddress 192.0.2.7/24\nmac 52:54:00:12:34:56\nmtu 1500\ndriver \nroutes\n");
  ASSERT_FALSE(bridge);
  EXPECT_EQ(bridge.error().type(), "lab.network");
  EXPECT_THAT(bridge.error().what, HasSubstr("br0"));
  EXPECT_FALSE(parse_management_network(""));
}

constexpr std::string_view kBanner = "[    0.000000] Linux version 7.3.0 (x@y) (gcc) #1\n";

TEST(LastWords, OfASoundKernelAreNone) {
  const LastWords words = last_words(std::string("kexec_core: Starting new kernel\n") + std::string(kBanner) +
                                     "[    1.000000] WARNING: CPU: 0 PID: 1 at x.c:1 f+0x1/0x2\n");
  EXPECT_FALSE(words.fatal);
  EXPECT_FALSE(words.serious);
}

TEST(LastWords, OfAPanicAreFatal) {
  const LastWords words =
      last_words(std::string(kBanner) + "[    1.000000] Kernel panic - not syncing: no working init found\n");
  ASSERT_TRUE(words.fatal);
  EXPECT_THAT(words.fatal->title, HasSubstr("no working init"));
}

TEST(LastWords, AreFatalWhenAnotherKernelStarts) {
  EXPECT_TRUE(last_words(std::string(kBanner) + "[    1.000000] working\n" + std::string(kBanner)).fatal);
}

TEST(LastWords, OfFirmwareAreFatalOnceAKernelWasUp) {
  const std::string before = std::string(kBanner) + "[    1.000000] working\n";
  const std::string firmware = "SeaBIOS (version 1.16.2-debian-1.16.2-1)\n";
  EXPECT_TRUE(last_words(before + firmware, before.size()).fatal);
  EXPECT_FALSE(last_words(before + std::string(kBanner), before.size()).fatal) << "that is what was asked for";
}

TEST(LastWords, FromBeforeTheyWereAskedForAreKnown) {
  const std::string before = std::string(kBanner) + "[    1.000000] Kernel panic - not syncing: x\n";
  EXPECT_TRUE(last_words(before).fatal);
  EXPECT_FALSE(last_words(before, before.size()).fatal);
}

TEST(LastWords, OfAnOopsAreSerious) {
  const LastWords words = last_words(std::string(kBanner) +
                                     "[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000010\n"
                                     "[    1.000001] Oops: 0000 [#1] PREEMPT SMP NOPTI\n");
  EXPECT_FALSE(words.fatal);
  EXPECT_TRUE(words.serious);
}

TEST(LastWords, OfACrashThatWasAskedForAreNone) {
  EXPECT_FALSE(
      last_words("[    9.000000] Kernel panic - not syncing: sysrq triggered crash\n" + std::string(kBanner)).fatal);
}

TEST(BootKeys, AreNewEachTime) {
  auto folder = TempDir::create("keys");
  ASSERT_TRUE(folder);
  ASSERT_TRUE(make_dirs(folder->path() / "a"));
  ASSERT_TRUE(make_dirs(folder->path() / "b"));
  const auto a = make_boot_keys(folder->path() / "a", soon());
  const auto b = make_boot_keys(folder->path() / "b", soon());
  ASSERT_TRUE(a) << a.error().what;
  ASSERT_TRUE(b) << b.error().what;
  EXPECT_THAT(a->host_private, HasSubstr("PRIVATE KEY"));
  EXPECT_NE(a->host_public, b->host_public);
  EXPECT_NE(a->user_public, a->host_public);
  EXPECT_EQ(fs::status(a->user).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST(OwnSystem, IsToldFromATestKernel) {
  RunningSystem system{.boot_id = {}, .cmdline = "root=/dev/sda1 ro", .release = {}};
  EXPECT_FALSE(system.is_test_kernel());
  system.cmdline = "console=ttyS0 holdfast.boot=0123";
  EXPECT_TRUE(system.is_test_kernel());
}

TEST(OwnSystem, SaysWhichBootItIs) {
  auto folder = TempDir::create("own");
  ASSERT_TRUE(folder);
  ASSERT_TRUE(make_dirs(folder->path() / "r"));
  auto sshd = RealSshd::start(folder->path() / "host");
  ASSERT_TRUE(sshd) << sshd.error().what;
  auto reached = await_own_system(sshd->access(), folder->path() / "r", soon());
  ASSERT_TRUE(reached) << reached.error().what;
  EXPECT_EQ(reached->system.boot_id + "\n", *read_file("/proc/sys/kernel/random/boot_id"));
  EXPECT_EQ(reached->system.release + "\n", *read_file("/proc/sys/kernel/osrelease"));
  // The loopback interface, over which this host is reached, is no network card.
  const auto network = management_network(reached->ssh, soon());
  ASSERT_FALSE(network);
  EXPECT_EQ(network.error().blame, Blame::kLab);
}

TEST(OwnSystem, IsWaitedForButNotWithTheWrongKey) {
  auto folder = TempDir::create("own");
  ASSERT_TRUE(folder);
  ASSERT_TRUE(make_dirs(folder->path() / "r"));
  auto sshd = RealSshd::start(folder->path() / "host");
  ASSERT_TRUE(sshd) << sshd.error().what;
  SshAccess access = sshd->access();
  sshd->kill_all();
  EXPECT_EQ(await_own_system(access, folder->path() / "r", Deadline::after(Millis(300))).error().type(),
            "lab.ssh-refused");
  auto other = RealSshd::start(folder->path() / "other", "", sshd->port());
  ASSERT_TRUE(other) << other.error().what;
  EXPECT_EQ(await_own_system(access, folder->path() / "r", soon()).error().type(), "lab.host-key");
}

}  // namespace
}  // namespace holdfast::lab
