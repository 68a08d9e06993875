// Is the virtual machine the one that its device table promises?
#include "lab/qemu/argv.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
namespace holdfast::lab {
namespace {

using testing::Contains;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

QemuSpec spec() {
  return {.name = "holdfast-t1",
          .memory_mib = 768,
          .cpus = 2,
          .accel = Accel::kTcg,
          .kernel = "/k/bzImage",
          .initrd = "/p/a.cpio",
          .cmdline = "console=ttyS0 quiet",
          .console_fd = 7,
          .qmp_fd = 8,
          .agent_fd = 9};
}

/// The value after each `option`.
std::vector<std::string> values(const std::vector<std::string>& argv, std::string_view option) {
  std::vector<std::string> found;
  for (size_t i = 0; i + 1 < argv.size(); ++i) {
    if (argv[i] == option) found.push_back(argv[i + 1]);
  }
  return found;
}

size_t index_of(const std::vector<std::string>& argv, std::string_view begin) {
  return static_cast<size_t>(
      std::ranges::find_if(argv, [&](const std::string& word) { return word.starts_with(begin); }) - argv.begin());
}

TEST(QemuArgv, PassesWhatTheSpecSays) {
  struct Row {
    std::string_view option;
    std::string value;
  };
  const auto argv = qemu_argv(spec());
  for (const Row& row : std::vector<Row>{{"-name", "holdfast-t1"},
                                         {"-m", "768M"},
                                         {"-smp", "2"},
                                         {"-accel", "tcg,thread=multi"},
                                         {"-cpu", "max"},
                                         {"-kernel", "/k/bzImage"},
                                         {"-initrd", "/p/a.cpio"},
                                         {"-append", "console=ttyS0 quiet"}}) {
    EXPECT_THAT(values(argv, row.option), testing::ElementsAre(row.value)) << row.option;
  }
  EXPECT_EQ(argv.front(), "qemu-system-x86_64");
  QemuSpec kvm = spec();
  kvm.accel = Accel::kKvm;
  EXPECT_THAT(values(qemu_argv(kvm), "-accel"), testing::ElementsAre("kvm"));
}

TEST(QemuArgv, EndsAtAnyReset) { EXPECT_THAT(qemu_argv(spec()), Contains("-no-reboot")); }

TEST(QemuArgv, GivesEachSocketToItsUserAndWaitsForTheClient) {
  const auto argv = qemu_argv(spec());
  EXPECT_THAT(values(argv, "-chardev"), testing::UnorderedElementsAre("socket,id=console,fd=7,server=on,wait=on",
                                                                      "socket,id=qmp,fd=8,server=on,wait=on",
                                                                      "socket,id=agent,fd=9,server=on,wait=on"));
  EXPECT_THAT(values(argv, "-device"), Contains("isa-serial,chardev=console"));
  EXPECT_THAT(values(argv, "-mon"), Contains("chardev=qmp,mode=control"));
  EXPECT_THAT(values(argv, "-device"), Contains("virtserialport,chardev=agent,name=holdfast.agent"));
}

TEST(QemuArgv, OpensNothingToTheOutside) {
  for (const std::string& word : qemu_argv(spec())) {
    EXPECT_THAT(word, Not(ContainsRegex("tcp|udp|telnet|vnc|host=|hostfwd|^user|,user")));
  }
  for (const std::string& netdev : values(qemu_argv(spec()), "-netdev")) EXPECT_THAT(netdev, HasSubstr("hubport"));
}

TEST(QemuArgv, MakesTheIommuBeforeAnyDeviceBehindIt) {
  const auto argv = qemu_argv(spec());
  EXPECT_LT(index_of(argv, "intel-iommu"), index_of(argv, "virtio-serial-pci"));
  EXPECT_LT(index_of(argv, "intel-iommu"), index_of(argv, "pcie-root-port"));
}

TEST(QemuArgv, HasTheTestDevicesOfTheTopology) {
  QemuSpec other = spec();
  other.topology = "sriov";
  EXPECT_THAT(values(qemu_argv(spec()), "-device"), Not(Contains(HasSubstr("sriov"))));
  EXPECT_THAT(values(qemu_argv(other), "-device"), Contains(HasSubstr("sriov_max_vfs=2")));
}

}  // namespace
}  // namespace holdfast::lab
