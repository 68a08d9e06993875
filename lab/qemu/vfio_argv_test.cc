// Does QEMU get the devices as they were declared, and nothing that it would not understand?
#include "lab/qemu/vfio_argv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/fake_sysfs.h"
#include "harness/base/file.h"
#include "harness/base/process.h"
#include "lab/qemu/argv.h"

namespace holdfast::lab {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kHelp =
    "vfio-pci options:\n"
    "  addr=<int32>           - Slot and optional function number, example: 06.0 or 06 (default: -1)\n"
    "  host=<str>             - Address (bus/device/function) of the host device, example: 04:10.0\n"
    "  rombar=<uint32>        -  (default: 1)\n"
    "  x-igd-gms=<uint32>     -  (default: 0)\n"
    "  x-igd-opregion=<bool>  - on/off (default: false)\n"
    "  x-no-mmap=<bool>       -  (default: false)\n"
    "  x-pre-copy-dirty-page-tracking=<OnOffAuto> - on/off/auto (default: \"on\")\n";

QemuProperties old_qemu() { return parse_device_help(kHelp); }
QemuProperties new_qemu() { return parse_device_help(std::string(kHelp) + "  iommufd=<link<iommufd>>\n"); }

PlacedDevice card(unsigned port) {
  return {
      .declared = {.passthrough = "8086:10d3"}, .host_bdf = "0000:3b:00.0", .guest_bdf = "0000:0a:00.0", .port = port};
}

TEST(VfioArgv, ReadsWhatQemuSaysOfItsProperties) {
  EXPECT_EQ(old_qemu().at("x-no-mmap"), "bool");
  EXPECT_EQ(old_qemu().count("vfio-pci options:"), 0U);
  EXPECT_EQ(new_qemu().count("iommufd"), 1U);
}

TEST(VfioArgv, PutsEachDeviceBehindAPortOfItsOwn) {
  const auto argv = vfio_arguments({card(6)}, VfioWay::kGroup, old_qemu());
  ASSERT_TRUE(argv);
  EXPECT_THAT(*argv, ElementsAre("-device", "pcie-root-port,id=pass6,chassis=38,slot=38,addr=0x6", "-device",
                                 "vfio-pci,host=0000:3b:00.0,id=dev6.0,bus=pass6,addr=0x0.0"));
  EXPECT_THAT(*vfio_arguments({}, VfioWay::kCdev, new_qemu()), IsEmpty());
}

TEST(VfioArgv, PutsTheFunctionsOfACardBehindOnePort) {
  PlacedDevice first = card(6);
  PlacedDevice second = card(6);
  first.multifunction = true;
  first.declared.window_mib = 256;
  second.host_bdf = "0000:3b:00.1";
  second.declared.function = 1;
  second.declared.window_mib = 16;
  const auto argv = vfio_arguments({first, second}, VfioWay::kGroup, old_qemu());
  ASSERT_TRUE(argv);
  EXPECT_THAT(*argv,
              ElementsAre("-device", "pcie-root-port,id=pass6,chassis=38,slot=38,addr=0x6,pref64-reserve=272M",
                          "-device", "vfio-pci,host=0000:3b:00.0,id=dev6.0,bus=pass6,addr=0x0.0,multifunction=on",
                          "-device", "vfio-pci,host=0000:3b:00.1,id=dev6.1,bus=pass6,addr=0x0.1"));
}

TEST(VfioArgv, OpensCharacterDevicesWhereAsked) {
  const auto argv = vfio_arguments({card(6)}, VfioWay::kCdev, new_qemu());
  ASSERT_TRUE(argv);
  EXPECT_EQ(argv->front(), "-object");
  EXPECT_THAT(*argv, Contains("iommufd,id=iommufd"));
  EXPECT_THAT(argv->back(), HasSubstr(",iommufd=iommufd"));
}

TEST(VfioArgv, MakesRoomForHugeWindows) {
  PlacedDevice accelerator = card(6);
  accelerator.declared.window_mib = 128 * 1024;
  EXPECT_THAT(*vfio_arguments({accelerator}, VfioWay::kGroup, old_qemu()),
              Contains("q35-pcihost.pci-hole64-size=262144M"));
}

TEST(VfioArgv, PassesOptionsThatThisQemuKnows) {
  PlacedDevice device = card(6);
  device.declared.rombar = false;
  device.declared.options = {{"x-no-mmap", "on"}, {"x-igd-gms", "0x2"}};
  const auto argv = vfio_arguments({device}, VfioWay::kGroup, old_qemu());
  ASSERT_TRUE(argv);
  EXPECT_THAT(argv->back(), HasSubstr(",rombar=0,x-igd-gms=0x2,x-no-mmap=on"));
}

TEST(VfioArgv, RefusesOtherOptionsAndValues) {
  struct Row {
    std::string name;
    std::string value;
    std::string what;
  };
  for (const Row& row : std::vector<Row>{{"x-no-mmpa", "on", "did you mean 'x-no-mmap'?"},
                                         {"x-no-mmap", "yes", "'yes' is no bool"},
                                         {"x-no-mmap", "on,host=0000:00:03.0", "is no bool"},
                                         {"x-igd-gms", "much", "is no uint32"},
                                         {"x-pre-copy-dirty-page-tracking", "maybe", "OnOffAuto"},
                                         {"host", "0000:00:03.0", "does not begin with x-"}}) {
    PlacedDevice device = card(6);
    device.declared.options = {{row.name, row.value}};
    device.declared.declared_at = "lab.toml:9:1";
    const auto argv = vfio_arguments({device}, VfioWay::kGroup, old_qemu());
    ASSERT_FALSE(argv) << row.name;
    EXPECT_EQ(argv.error().type(), "harness.usage");
    EXPECT_THAT(argv.error().what, HasSubstr(row.what));
    EXPECT_THAT(argv.error().what, HasSubstr("lab.toml:9:1"));
  }
}

class VfioHostTest : public ::testing::Test {
 protected:
  const std::filesystem::path& root() const { return folder_.path(); }
  void make(const std::string& tree) { ASSERT_TRUE(fake::make_tree(tree, root())); }

 private:
  TempDir folder_ = *TempDir::create("vfio-host");
};

TEST_F(VfioHostTest, GoesTheWayThatQemuAndTheKernelHaveInCommon) {
  EXPECT_FALSE(choose_vfio_way(new_qemu(), root()));
  make("file dev/iommu");
  EXPECT_EQ(*choose_vfio_way(new_qemu(), root()), VfioWay::kCdev);
  const auto none = choose_vfio_way(old_qemu(), root());
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().type(), "plan.cannot");
  make("file dev/vfio/vfio");
  EXPECT_EQ(*choose_vfio_way(old_qemu(), root()), VfioWay::kGroup);
}

TEST_F(VfioHostTest, TakesHugePagesThatAreThere) {
  make("file sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages 256");
  EXPECT_THAT(*memory_arguments(512, 0, root()), IsEmpty());
  const auto argv = memory_arguments(512, 2, root());
  ASSERT_TRUE(argv);
  EXPECT_THAT(*argv,
              ElementsAre("-object", "memory-backend-memfd,id=ram,size=512M,hugetlb=on,hugetlbsize=2M,prealloc=on",
                          "-machine", "memory-backend=ram"));
  const auto few = memory_arguments(1024, 2, root());
  ASSERT_FALSE(few);
  EXPECT_EQ(few.error().type(), "lab.hugepages");
  EXPECT_THAT(few.error().hint, HasSubstr("echo 512 | sudo tee"));
  EXPECT_EQ(memory_arguments(512, 1024, root()).error().type(), "harness.usage");
  EXPECT_EQ(memory_arguments(1024, 1024, root()).error().type(), "lab.hugepages");
}

TEST(VfioPatience, GrowsWithMemoryAndDevices) {
  EXPECT_GT(passthrough_patience(4096, {card(6)}), passthrough_patience(512, {card(6)}));
  EXPECT_GT(passthrough_patience(512, {card(6), card(7)}), passthrough_patience(512, {card(6)}));
}

TEST(QemuArgv, HasDevicesOfThisMachineBesideTheEmulatedOnesOrAlone) {
  QemuSpec spec;
  spec.further = {"-device", "pcie-root-port,id=pass6"};
  EXPECT_THAT(qemu_argv(spec), Contains("pcie-root-port,id=pass6"));
  EXPECT_THAT(qemu_argv(spec), Contains(HasSubstr("nvme")));
  spec.emulated = false;
  EXPECT_THAT(qemu_argv(spec), Contains("pcie-root-port,id=pass6"));
  EXPECT_THAT(qemu_argv(spec), testing::Not(Contains(HasSubstr("nvme"))));
}

/// What the installed QEMU says of the same words: the ports are taken; only the device is not there.
TEST(VfioQemu, UnderstandsTheArguments) {
  const auto qemu = find_program("qemu-system-x86_64");
  if (!qemu) GTEST_SKIP() << "no QEMU is installed";
  const Deadline deadline = Deadline::after(Millis(120'000));
  const auto properties = vfio_properties(qemu->string(), deadline);
  ASSERT_TRUE(properties) << properties.error().what;
  PlacedDevice device = card(6);
  device.host_bdf = "0000:ff:1f.7";
  device.declared.window_mib = 64 * 1024;
  device.declared.rombar = false;
  device.declared.options = {{"x-no-mmap", "on"}};
  const auto words = vfio_arguments({device}, VfioWay::kGroup, *properties);
  ASSERT_TRUE(words) << words.error().what;
  std::vector<std::string> argv{qemu->string(), "-M", "q35", "-accel", "tcg", "-nodefaults", "-nographic", "-S"};
  argv.insert(argv.end(), words->begin(), words->end());
  const auto output = run({.argv = argv}, deadline);
  ASSERT_TRUE(output) << output.error().what;
  EXPECT_THAT(output->err, HasSubstr("0000:ff:1f.7"));
  EXPECT_THAT(output->err, testing::ContainsRegex("no such host device|No such file"));
  const auto none = vfio_properties("/bin/true", deadline);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().type(), "plan.cannot");
}

}  // namespace
}  // namespace holdfast::lab
