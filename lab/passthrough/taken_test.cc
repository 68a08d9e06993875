// Is all that is taken given back as it was, whatever happens in between?
#include "lab/passthrough/taken.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/fake_sysfs.h"
#include "harness/base/file.h"
#include "harness/base/sysfs.h"
#include "lab/passthrough/fake_kernel_test.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Deadline soon() { return Deadline::after(Millis(20'000)); }

/// A graphics card with its audio function and a disk in one group, a card with virtual functions, the system's disk,
/// and the card with the route.
constexpr std::string_view kMachine = R"(
class iommu dmar0
file proc/self/mountinfo 27 1 8:1 / / rw - ext4 /dev/sda1 rw
file proc/net/route Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\neth0\t00000000\t0\t3\t0\t0\t0\t00000000
pci pci0000:00/0000:00:01.0 8086:1901 060400 driver=pcieport group=1
pci pci0000:00/0000:00:01.0/0000:01:00.0 10de:2204 030000 driver=nouveau group=1 reset=bus fn
pci pci0000:00/0000:00:01.0/0000:01:00.1 10de:1aef 040300 driver=snd_hda_intel group=1 fn
pci pci0000:00/0000:00:01.0/0000:02:00.0 144d:a808 010802 group=1 reset=flr
pci pci0000:00/0000:00:02.0 8086:10fb 020000 driver=ixgbe group=2 reset=flr vfs=2/63
pci pci0000:00/0000:00:02.1 8086:10ed 020000 driver=ixgbevf group=3 pf=0000:00:02.0
pci pci0000:00/0000:00:02.2 8086:10ed 020000 driver=ixgbevf group=4 pf=0000:00:02.0
pci pci0000:00/0000:00:03.0 8086:a182 010601 driver=ahci group=5
block pci0000:00/0000:00:03.0/ata1/block/sda 8:0
block pci0000:00/0000:00:03.0/ata1/block/sda/sda1 8:1
pci pci0000:00/0000:00:04.0 8086:10d3 020000 driver=e1000e group=6 reset=flr
net pci0000:00/0000:00:04.0/net/eth0
pci pci0000:00/0000:00:05.0 8086:10d3 020000 driver=vfio-pci group=7 reset=flr
)";

/// One such machine, its kernel, and a folder for records.
struct Bench {
  Bench() {
    if (!fake::make_tree(kMachine, root())) std::abort();
    if (!write_file(root() / "sys/bus/pci/devices/0000:01:00.1/driver_override", "snd_hda_intel\n")) std::abort();
    kernel = std::make_unique<FakeKernel>(root());
    before = kernel->state();
  }
  fs::path root() const { return folder.path() / "machine"; }
  fs::path records() const { return folder.path() / "taken"; }
  TakingPlace place(const Owner& who) { return {.writer = *kernel, .folder = records(), .self = who, .root = root()}; }
  TakingPlace place() { return place(*Owner::self()); }
  /// A process that has ended: its number is ours, but it began at another time.
  TakingPlace dead_place() {
    Owner other = *Owner::self();
    other.start += 1;
    return place(other);
  }
  /// From now on so many writes, and then SIGKILL: whatever the rest of the process still does to the records, which a
  /// dead one would not do, is undone by bury().
  void kill_after(int more) {
    kernel->dies_after = kernel->writes + more;
    kernel->at_death = [this] { fs::copy(records(), folder.path() / "at-death"); };
  }
  void bury() {
    kernel->dies_after = -1;
    kernel->at_death = nullptr;
    if (!fs::exists(folder.path() / "at-death")) return;
    fs::remove_all(records());
    fs::rename(folder.path() / "at-death", records());
  }
  size_t records_left() const {
    size_t count = 0;
    for (const std::string& name : names_in(records())) count += name.ends_with(".json") ? 1 : 0;
    return count;
  }

  TempDir folder = *TempDir::create("taken");
  std::unique_ptr<FakeKernel> kernel;
  std::vector<std::string> before;
};

TEST(Taken, TakesTheWholeGroupAndGivesItBack) {
  Bench bench;
  auto taken = Taken::take({"0000:01:00.0"}, false, bench.place(), soon());
  ASSERT_TRUE(taken) << taken.error().what;
  EXPECT_THAT(taken->functions(), ElementsAre("0000:01:00.0", "0000:01:00.1", "0000:02:00.0"));
  for (const std::string& bdf : taken->functions()) EXPECT_EQ(bench.kernel->driver_of(bdf), "vfio-pci");
  EXPECT_EQ(bench.kernel->driver_of("0000:00:01.0"), "pcieport");
  EXPECT_EQ(bench.records_left(), 1U);
  const auto back = taken->give_back(soon());
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_THAT(back->changes, IsEmpty());
  EXPECT_EQ(bench.kernel->state(), bench.before);
  EXPECT_EQ(bench.records_left(), 0U);
}

TEST(Taken, GivesBackWhenItIsDestroyed) {
  Bench bench;
  {
    const auto taken = Taken::take({"0000:01:00.1", "0000:00:02.0"}, false, bench.place(), soon());
    ASSERT_TRUE(taken) << taken.error().what;
    EXPECT_NE(bench.kernel->state(), bench.before);
  }
  EXPECT_EQ(bench.kernel->state(), bench.before);
  EXPECT_EQ(bench.records_left(), 0U);
}

TEST(Taken, RemovesVirtualFunctionsFirstAndMakesThemLast) {
  Bench bench;
  {
    const auto taken = Taken::take({"0000:00:02.0"}, false, bench.place(), soon());
    ASSERT_TRUE(taken) << taken.error().what;
    EXPECT_EQ(bench.kernel->driver_of("0000:00:02.1"), "");
    EXPECT_EQ(bench.kernel->log.front(), "devices/0000:00:02.0/sriov_numvfs 0");
  }
  EXPECT_EQ(bench.kernel->log.back(), "devices/0000:00:02.0/sriov_numvfs 2");
  EXPECT_EQ(bench.kernel->state(), bench.before);
}

TEST(Taken, LeavesAloneWhatWasBoundToVfioBefore) {
  Bench bench;
  fs::create_directories(bench.root() / "dev/vfio");
  ASSERT_TRUE(write_file(bench.root() / "dev/vfio/7", ""));
  {
    ASSERT_TRUE(Taken::take({"0000:00:05.0"}, false, bench.place(), soon()));
  }
  EXPECT_THAT(bench.kernel->log, IsEmpty());
  EXPECT_EQ(bench.kernel->driver_of("0000:00:05.0"), "vfio-pci");
}

TEST(Taken, RecordsBeforeTheFirstWrite) {
  Bench bench;
  bench.kill_after(0);
  EXPECT_FALSE(Taken::take({"0000:01:00.0"}, false, bench.place(), soon()));
  bench.bury();
  const auto takings = read_takings(bench.records());
  ASSERT_TRUE(takings) << takings.error().what;
  ASSERT_THAT(*takings, SizeIs(1));
  const TakenFunction& audio = takings->front().functions[1];
  EXPECT_EQ(audio.bdf, "0000:01:00.1");
  EXPECT_EQ(audio.driver, "snd_hda_intel");
  EXPECT_EQ(audio.driver_override, "snd_hda_intel");
  EXPECT_THAT(audio.config, HasSubstr("00: de 10 ef 1a"));
}

/// How many writes a whole life has: take and give back.
int writes_of_a_life() {
  Bench bench;
  {
    EXPECT_TRUE(Taken::take({"0000:01:00.0", "0000:00:02.0"}, false, bench.place(), soon()));
  }
  return bench.kernel->writes;
}

TEST(Taken, IsGivenBackByTheNextRunWhereverThisOneWasKilled) {
  const int all = writes_of_a_life();
  ASSERT_GT(all, 20);
  Bench bench;  // as it was, after each round
  for (int killed_after = 0; killed_after < all; ++killed_after) {
    bench.kill_after(killed_after);
    {
      const auto taken = Taken::take({"0000:01:00.0", "0000:00:02.0"}, false, bench.dead_place(), soon());
    }
    bench.bury();
    ASSERT_EQ(bench.records_left(), 1U) << killed_after;
    const auto back = restore_leftovers(bench.place(), soon());
    ASSERT_TRUE(back) << killed_after << ": " << back.error().what;
    ASSERT_EQ(bench.kernel->state(), bench.before) << killed_after;
    ASSERT_EQ(bench.records_left(), 0U) << killed_after;
  }
}

TEST(Taken, IsGivenBackEvenWhenTheOneThatGivesItBackIsKilledToo) {
  bool ended = false;
  Bench bench;  // as it was, after each round
  for (int writes = 0; !ended; ++writes) {
    {
      const auto taken = Taken::take({"0000:01:00.0", "0000:00:02.0"}, false, bench.dead_place(), soon());
      ASSERT_TRUE(taken) << taken.error().what;
      bench.kill_after(0);
    }
    bench.bury();
    bench.kill_after(writes);
    ended = restore_leftovers(bench.place(), soon()).ok();
    bench.bury();
    const auto back = restore_leftovers(bench.place(), soon());
    ASSERT_TRUE(back) << writes << ": " << back.error().what;
    ASSERT_EQ(bench.kernel->state(), bench.before) << writes;
    ASSERT_EQ(bench.records_left(), 0U) << writes;
  }
}

TEST(Taken, IsNotTouchedWhileItsOwnerLives) {
  Bench bench;
  const auto taken = Taken::take({"0000:01:00.0"}, false, bench.place(), soon());
  ASSERT_TRUE(taken);
  const auto back = restore_leftovers(bench.place(), soon());
  ASSERT_TRUE(back);
  EXPECT_THAT(back->functions, IsEmpty());
  EXPECT_EQ(bench.kernel->driver_of("0000:01:00.0"), "vfio-pci");
  const auto second = Taken::take({"0000:02:00.0"}, false, bench.place(), soon());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().type(), "lab.leased");
  EXPECT_THAT(second.error().what, HasSubstr(fmt::format("pid {}", ::getpid())));
}

TEST(Taken, ForgetsWhatWasTakenBeforeTheMachineStartedAnew) {
  Bench bench;
  Owner before = *Owner::self();
  before.boot_id = "another";
  bench.kill_after(0);
  EXPECT_FALSE(Taken::take({"0000:01:00.0"}, false, bench.place(before), soon()));
  bench.bury();
  ASSERT_EQ(bench.records_left(), 1U);
  EXPECT_TRUE(restore_leftovers(bench.place(), soon()));
  EXPECT_EQ(bench.records_left(), 0U);
  EXPECT_EQ(bench.kernel->writes, 0);
}

TEST(Taken, UndoesTheLeftoversBeforeItTakes) {
  Bench bench;
  bench.kill_after(4);
  EXPECT_FALSE(Taken::take({"0000:01:00.0"}, false, bench.dead_place(), soon()));
  bench.bury();
  {
    ASSERT_TRUE(Taken::take({"0000:01:00.0"}, false, bench.place(), soon()));
  }
  EXPECT_EQ(bench.kernel->state(), bench.before);
}

TEST(Taken, RefusesWhatIsInUseUnlessForcedAndTheSystemDiskAlways) {
  Bench bench;
  const auto card = Taken::take({"0000:00:04.0"}, false, bench.place(), soon());
  ASSERT_FALSE(card);
  EXPECT_EQ(card.error().type(), "plan.cannot");
  EXPECT_THAT(card.error().what, HasSubstr("eth0 carries the default route"));
  EXPECT_THAT(card.error().hint, HasSubstr("--force"));
  for (const bool force : {false, true}) {
    const auto disk = Taken::take({"0000:00:03.0"}, force, bench.place(), soon());
    ASSERT_FALSE(disk);
    EXPECT_THAT(disk.error().what, HasSubstr("/dev/sda1 is mounted at /"));
    EXPECT_THAT(disk.error().hint, IsEmpty());
  }
  EXPECT_EQ(bench.kernel->writes, 0);
  EXPECT_EQ(bench.records_left(), 0U);
  {
    EXPECT_TRUE(Taken::take({"0000:00:04.0"}, true, bench.place(), soon()));
  }
  EXPECT_EQ(bench.kernel->state(), bench.before);
}

TEST(Taken, RefusesWhatIsNotThere) {
  Bench bench;
  const auto none = Taken::take({"0000:09:00.0"}, false, bench.place(), soon());
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().type(), "harness.usage");
}

TEST(Taken, NamesTheFileThatItMayNotWriteAndWhoGivesTheRight) {
  for (const char* file : {"sys/bus/pci/drivers_probe", "sys/bus/pci/drivers/nouveau/unbind"}) {
    Bench bench;
    bench.kernel->forbidden = {file};
    const auto taken = Taken::take({"0000:01:00.0"}, false, bench.place(), soon());
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().type(), "lab.rights");
    EXPECT_THAT(taken.error().what, HasSubstr(file));
    EXPECT_THAT(taken.error().hint, HasSubstr("udev"));
    EXPECT_EQ(bench.kernel->writes, 0);
    EXPECT_EQ(bench.records_left(), 0U);
  }
}

TEST(Taken, PutsAllBackWhenOneFunctionIsRefused) {
  Bench bench;
  bench.kernel->refuses = {"0000:02:00.0"};  // it had no driver before: the others are what counts
  const auto taken = Taken::take({"0000:01:00.0"}, false, bench.place(), soon());
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().type(), "lab.passthrough");
  EXPECT_THAT(taken.error().what, HasSubstr("0000:02:00.0"));
  EXPECT_EQ(bench.kernel->state(), bench.before);
  EXPECT_EQ(bench.records_left(), 0U);
}

TEST(Taken, SaysWhoHoldsADeviceThatItsDriverDoesNotLetGo) {
  Bench bench;
  bench.kernel->hangs = {"0000:01:00.1"};
  ASSERT_TRUE(
      fake::make_tree("file proc/321/comm pipewire\n"
                      "file sys/devices/pci0000:00/0000:00:01.0/0000:01:00.1/sound/card1/pcmC1D3p/uevent "
                      "MAJOR=116\\nDEVNAME=snd/pcmC1D3p\n",
                      bench.root()));
  fs::create_directories(bench.root() / "proc/321/fd");
  fs::create_symlink("/dev/snd/pcmC1D3p", bench.root() / "proc/321/fd/5");
  const auto taken = Taken::take({"0000:01:00.0"}, false, bench.place(), soon());
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().type(), "lab.timeout");
  EXPECT_THAT(taken.error().what, HasSubstr("/dev/snd/pcmC1D3p is open in pipewire (pid 321)"));
  EXPECT_EQ(bench.kernel->state(), bench.before);
}

TEST(Taken, KeepsTheRecordWhenADeviceCannotBeGivenBack) {
  Bench bench;
  auto taken = Taken::take({"0000:01:00.0"}, false, bench.place(), soon());
  ASSERT_TRUE(taken);
  bench.kernel->hangs = {"0000:01:00.0"};
  const auto stuck = taken->give_back(soon());
  ASSERT_FALSE(stuck);
  EXPECT_THAT(stuck.error().what, HasSubstr("0000:01:00.0"));
  EXPECT_EQ(bench.records_left(), 1U);
  EXPECT_EQ(bench.kernel->driver_of("0000:01:00.1"), "snd_hda_intel");  // the others are back
  bench.kernel->hangs.clear();
  EXPECT_TRUE(taken->give_back(soon()));
  EXPECT_EQ(bench.kernel->state(), bench.before);
}

TEST(Taken, LeavesAloneWhatSomebodyElseGaveToAnotherDriver) {
  Bench bench;
  auto taken = Taken::take({"0000:00:02.0"}, false, bench.place(), soon());
  ASSERT_TRUE(taken);
  fs::remove(bench.root() / "sys/bus/pci/devices/0000:00:02.0/driver");
  fs::create_directory_symlink(bench.root() / "sys/bus/pci/drivers/e1000e",
                               bench.root() / "sys/bus/pci/devices/0000:00:02.0/driver");
  const int before = bench.kernel->writes;
  const auto back = taken->give_back(soon());
  ASSERT_FALSE(back);
  EXPECT_THAT(back.error().what, HasSubstr("e1000e"));
  EXPECT_EQ(bench.kernel->writes, before);
}

TEST(Taken, ReportsConfigSpaceThatDidNotComeBackAsItWas) {
  Bench bench;
  bench.kernel->spoils = {{"0000:02:00.0", "\x10"}};
  auto taken = Taken::take({"0000:01:00.0"}, false, bench.place(), soon());
  ASSERT_TRUE(taken) << taken.error().what;
  const auto back = taken->give_back(soon());
  ASSERT_TRUE(back) << back.error().what;
  ASSERT_THAT(back->changes, SizeIs(1));
  EXPECT_EQ(back->changes[0].address.to_string(), "0000:02:00.0");
}

TEST(Taken, IsResetBetweenGuestsAndMustBeNobodyElses) {
  Bench bench;
  const std::string audio = "sys/bus/pci/devices/0000:01:00.1/driver";
  for (const char* bdf : {"0000:01:00.0", "0000:02:00.0"}) {
    ASSERT_TRUE(write_file(bench.root() / "sys/bus/pci/devices" / bdf / "reset", ""));
  }
  auto taken = Taken::take({"0000:01:00.0"}, false, bench.place(), soon());
  ASSERT_TRUE(taken) << taken.error().what;
  bench.kernel->log.clear();
  ASSERT_TRUE(taken->settle(soon()));
  EXPECT_THAT(bench.kernel->log, ElementsAre("devices/0000:01:00.0/reset 1", "devices/0000:02:00.0/reset 1"));

  ASSERT_TRUE(fake::make_tree("file proc/99/comm qemu", bench.root()));
  fs::create_directories(bench.root() / "proc/99/fd");
  fs::create_symlink("/dev/vfio/1", bench.root() / "proc/99/fd/3");
  const auto open = taken->settle(soon());
  ASSERT_FALSE(open);
  EXPECT_THAT(open.error().what, HasSubstr("/dev/vfio/1 is open in qemu (pid 99)"));
  fs::remove_all(bench.root() / "proc/99");

  fs::remove(bench.root() / audio);
  const auto stolen = taken->settle(soon());
  ASSERT_FALSE(stolen);
  EXPECT_THAT(stolen.error().what, HasSubstr("0000:01:00.1 was taken from vfio-pci"));
}

TEST(Taken, DoesNotGuessWhatABrokenRecordMeant) {
  Bench bench;
  ASSERT_TRUE(make_dirs(bench.records()));
  for (const char* text : {"", "{}", R"({"version": 2})", "[1]"}) {
    ASSERT_TRUE(write_file(bench.records() / "1-a.json", text));
    const auto back = restore_leftovers(bench.place(), soon());
    ASSERT_FALSE(back) << text;
    EXPECT_THAT(back.error().what, HasSubstr("1-a.json"));
  }
  EXPECT_EQ(bench.kernel->writes, 0);
}

}  // namespace
}  // namespace holdfast::lab
