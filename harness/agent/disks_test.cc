// Are a system's disks at rest before its kernel is left, and writable again when the kernel stays?
#include "harness/agent/disks.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <optional>
#include <thread>

#include "harness/base/file.h"

namespace holdfast::agent {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Deadline soon() { return Deadline::after(Millis(10'000)); }

constexpr std::string_view kMountInfo = R"(22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw,errors=remount-ro
23 22 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:5 - proc proc rw
24 22 0:5 / /dev rw,nosuid - devtmpfs udev rw,size=1024k
30 22 8:2 / /boot/efi rw,nosuid,noexec,relatime shared:9 - vfat /dev/sda2 rw,fmask=0077
31 22 8:1 /var/lib /mnt/again rw,relatime shared:1 - ext4 /dev/root rw
32 22 8:3 / /read\040only ro,relatime - ext4 /dev/sda3 ro
33 22 0:44 /@home /ho\040me rw,nodev - btrfs /dev/sda4 rw,space_cache=v2
34 22 8:5 / /bind-ro ro,relatime - xfs /dev/sda5 rw
35 22 0:50 / /over rw - overlay overlay rw,lowerdir=/a
broken
)";

TEST(WritableDisks, AreThoseOfBlockDevicesEachOnce) {
  std::vector<std::string> places;
  for (const DiskMount& disk : writable_disks(kMountInfo)) places.push_back(disk.where.string());
  EXPECT_THAT(places, ElementsAre("/", "/boot/efi", "/ho me", "/bind-ro"));
  EXPECT_EQ(writable_disks(kMountInfo)[1].flags, static_cast<unsigned long>(MS_NOSUID | MS_NOEXEC | MS_RELATIME));
}

/// Runs in a thread with mounts of its own, which nobody else sees and which end with it.
void with_own_mounts(const std::function<void(const fs::path&)>& body) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs to be root";
  auto folder = TempDir::create("disks");
  ASSERT_TRUE(folder);
  std::optional<int> refused;
  std::thread([&] {
    // A thread shares its working folder and mounts with the others until it says otherwise.
    if (::unshare(CLONE_FS | CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
      refused = errno;
      return;
    }
    if (::mount("disk", folder->path().c_str(), "tmpfs", MS_NOSUID, "size=1m") != 0) {
      refused = errno;
      return;
    }
    body(folder->path());
    ::umount2(folder->path().c_str(), MNT_DETACH);
  }).join();
  if (refused) GTEST_SKIP() << "cannot have mounts of its own: errno " << *refused;
}

/// As if the tmpfs were on a disk. Its state is what `text` says.
std::string line_for(const fs::path& where, std::string_view state) {
  return "40 22 8:9 / " + where.string() + " rw,nosuid - ext4 /dev/sda9 " + std::string(state) + "\n";
}

bool can_write(const fs::path& folder) { return write_file(folder / "probe", "x").ok(); }

TEST(RestingDisks, CannotBeWrittenUntilUndone) {
  with_own_mounts([](const fs::path& disk) {
    auto folder = TempDir::create("disks-info");
    const RestingDisks::Places places{.mountinfo = folder->path() / "info", .sysrq = folder->path() / "sysrq"};
    ASSERT_TRUE(write_file(places.mountinfo, line_for(disk, "rw")));
    ASSERT_TRUE(can_write(disk));
    auto resting = RestingDisks::make(places, soon());
    ASSERT_TRUE(resting) << resting.error().what;
    EXPECT_FALSE(can_write(disk));
    EXPECT_FALSE(fs::exists(places.sysrq)) << "force was not needed";
    EXPECT_TRUE(resting->undo().empty());
    EXPECT_TRUE(can_write(disk));
    EXPECT_THAT(*read_file("/proc/thread-self/mountinfo"), HasSubstr(disk.string() + " rw,nosuid"));
  });
}

TEST(RestingDisks, ThatAreInUseAreForced) {
  with_own_mounts([](const fs::path& disk) {
    auto folder = TempDir::create("disks-info");
    const RestingDisks::Places places{.mountinfo = folder->path() / "info", .sysrq = folder->path() / "sysrq"};
    ASSERT_TRUE(write_file(places.mountinfo, line_for(disk, "rw")));
    ASSERT_TRUE(write_file(places.sysrq, ""));
    const auto in_use = open_file(disk / "log", O_WRONLY | O_CREAT);
    ASSERT_TRUE(in_use);
    std::thread kernel([&] {
      while (*read_file(places.sysrq) != "u") wait_until(Deadline::after(Millis(5)));
      ASSERT_TRUE(write_file_atomic(places.mountinfo, line_for(disk, "ro")));
    });
    EXPECT_TRUE(RestingDisks::make(places, soon()));
    kernel.join();
  });
}

TEST(RestingDisks, ThatCannotBeMadeSoAreLeftAsTheyWere) {
  with_own_mounts([](const fs::path& disk) {
    auto folder = TempDir::create("disks-info");
    const RestingDisks::Places places{.mountinfo = folder->path() / "info", .sysrq = folder->path() / "sysrq"};
    ASSERT_TRUE(write_file(places.mountinfo, line_for(disk, "rw")));
    const auto in_use = open_file(disk / "log", O_WRONLY | O_CREAT);
    ASSERT_TRUE(in_use);
    EXPECT_FALSE(RestingDisks::make(places, soon())) << "no sysrq";
    ASSERT_TRUE(write_file(places.sysrq, ""));
    const auto stays = RestingDisks::make(places, Deadline::after(Millis(100)));
    ASSERT_FALSE(stays);
    EXPECT_EQ(stays.error().type(), "lab.target");
    EXPECT_THAT(stays.error().what, HasSubstr(disk.string()));
    EXPECT_TRUE(can_write(disk));
  });
}

}  // namespace
}  // namespace holdfast::agent
