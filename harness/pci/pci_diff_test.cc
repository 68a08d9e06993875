// Does the comparison find what broke, by name, and excuse what is sound?
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "harness/pci/pci.h"
#include "harness/pci/pci_recording_test.h"

namespace holdfast {
namespace {

using namespace pci_recording;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

TEST(PciCompare, FindsNothingForbiddenAfterARecordedPlainKexec) {
  PciExpectation expectation;
  const PciSnapshot before = Machine().snapshot();
  for (const PciFunctionState& f : before.functions()) expectation.under_test.push_back(f.address);
  const auto changes = changes_to(Machine("q35-after-kexec.txt"), expectation);
  EXPECT_THAT(names(forbidden(changes)), IsEmpty()) << format_diff(changes);
  // The SATA controller has no driver; the kexec path took bus mastering from it.
  EXPECT_THAT(names(changes), ElementsAre("0000:00:1f.2 Command"));
  EXPECT_EQ(changes[0].detail, "bus mastering off");
}

TEST(PciCompare, FindsNothingInEqualSnapshots) {
  EXPECT_THAT(changes_to(Machine()), IsEmpty());
  EXPECT_EQ(format_diff({}), "No PCI register or fact changed.\n");
}

struct SoundCase {
  std::string_view name;
  std::string_view bdf;
  size_t offset;
  uint8_t bits;
  std::string_view register_name;
};

/// Registers that a sound kernel, or the hardware, changes on the way.
class SoundChange : public testing::TestWithParam<SoundCase> {};

TEST_P(SoundChange, IsNamedAndAllowed) {
  const SoundCase& c = GetParam();
  const auto changes = changes_to(Machine().flip(c.bdf, c.offset, c.bits));
  ASSERT_THAT(names(changes), ElementsAre(fmt::format("{} {}", c.bdf, c.register_name)));
  EXPECT_THAT(changes[0].allowed, Not(IsEmpty())) << changes[0].describe();
}

INSTANTIATE_TEST_SUITE_P(
    Pci, SoundChange,
    testing::Values(SoundCase{"StatusMasterAbort", kE1000e, 0x07, 0x20, "Status"},
                    SoundCase{"StatusIntx", kE1000e, 0x06, 0x08, "Status"},
                    SoundCase{"InterruptLine", kE1000e, 0x3c, 0xff, "Interrupt Line"},
                    SoundCase{"CacheLineSize", kE1000e, 0x0c, 0x10, "Cache Line Size"},
                    SoundCase{"SecondaryStatus", kPort, 0x1f, 0x20, "Secondary Status"},
                    SoundCase{"PmeStatus", kE1000e, 0xcd, 0x80, "Power Management: Control/Status"},
                    SoundCase{"PowerState", kE1000e, 0xcc, 0x03, "Power Management: Control/Status"},
                    SoundCase{"MsiAddress", kE1000e, 0xd5, 0x40, "MSI: Message Address"},
                    SoundCase{"MsiData", kE1000e, 0xdc, 0x21, "MSI: Message Data"},
                    SoundCase{"PortMsixEnable", kPort, 0x4b, 0x80, "MSI-X: Message Control"},
                    SoundCase{"DeviceStatus", kE1000e, 0xea, 0x09, "PCI Express: Device Status"},
                    SoundCase{"LinkTraining", kE1000e, 0xf3, 0x48, "PCI Express: Link Status"},
                    SoundCase{"SlotControl", kPort, 0x6c, 0x08, "PCI Express: Slot Control"},
                    SoundCase{"SlotEvent", kPort, 0x6e, 0x08, "PCI Express: Slot Status"},
                    SoundCase{"RootStatus", kPort, 0x76, 0x01, "PCI Express: Root Status"},
                    SoundCase{"RootControl", kPort, 0x70, 0x08, "PCI Express: Root Control"},
                    SoundCase{"AerStatus", kE1000e, 0x106, 0x10, "AER: Uncorrectable Error Status"},
                    SoundCase{"AerHeaderLog", kE1000e, 0x120, 0x55, "AER: Header Log 2"},
                    SoundCase{"AerRootStatus", kPort, 0x130, 0x05, "AER: Root Error Status"},
                    SoundCase{"ChipsetScratch", "0000:00:1f.0", 0x64, 0x01, "device specific +0x64"}),
    [](const auto& one) { return std::string(one.param.name); });

// --- broken kernels -------------------------------------------------------------------------------------------------

struct BrokenCase {
  std::string_view name;
  std::string_view bdf;
  size_t offset;
  uint8_t bits;
  std::string_view register_name;
  std::string_view detail = {};
};

/// Registers that no sound kernel changes: each must be found, by name, and forbidden.
class BrokenChange : public testing::TestWithParam<BrokenCase> {};

TEST_P(BrokenChange, IsNamedAndForbidden) {
  const BrokenCase& c = GetParam();
  const auto changes = changes_to(Machine().flip(c.bdf, c.offset, c.bits));
  ASSERT_THAT(names(forbidden(changes)), ElementsAre(fmt::format("{} {}", c.bdf, c.register_name)))
      << format_diff(changes);
  if (!c.detail.empty()) {
    EXPECT_EQ(forbidden(changes)[0].detail, c.detail);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Pci, BrokenChange,
    testing::Values(
        BrokenCase{"VendorId", kE1000e, 0x00, 0x01, "Vendor ID"},
        BrokenCase{"Revision", kE1000e, 0x08, 0x01, "Revision ID"},
        BrokenCase{"Class", kE1000e, 0x0a, 0x01, "Class Code"},
        BrokenCase{"HeaderMultiFunction", kE1000e, 0x0e, 0x80, "Header Type"},
        BrokenCase{"Subsystem", kE1000e, 0x2e, 0x01, "Subsystem ID"},
        BrokenCase{"MemoryDecodingOff", kE1000e, 0x04, 0x02, "Command", "memory decoding off"},
        BrokenCase{"SerrOff", kPort, 0x05, 0x01, "Command", "SERR off"},
        BrokenCase{"Bar0", kE1000e, 0x12, 0x02, "BAR0"}, BrokenCase{"Bar0UpperHalf", kNvme, 0x14, 0x01, "BAR0"},
        BrokenCase{"InterruptPin", kE1000e, 0x3d, 0x03, "Interrupt Pin"},
        BrokenCase{"PrimaryBus", kPort, 0x18, 0x01, "primary bus"},
        BrokenCase{"SubordinateBus", kPort, 0x1a, 0x04, "subordinate bus"},
        BrokenCase{"MemoryWindow", kPort, 0x22, 0x20, "memory window"},
        BrokenCase{"PrefetchableWindow", kPort, 0x28, 0x01, "prefetchable window"},
        BrokenCase{"SecondaryBusReset", kPort, 0x3e, 0x40, "Bridge Control", "secondary bus reset on"},
        BrokenCase{"NoSoftReset", kE1000e, 0xcc, 0x08, "Power Management: Control/Status", "no soft reset on"},
        BrokenCase{"MsixTable", kE1000e, 0xa4, 0x01, "MSI-X: Table Offset/BIR"},
        BrokenCase{"MaxPayload", kE1000e, 0xe8, 0x20, "PCI Express: Device Control", "max payload size 0 -> 1"},
        BrokenCase{"LinkSpeed", kE1000e, 0xf2, 0x03, "PCI Express: Link Status", "link speed 1 -> 2"},
        BrokenCase{"LinkDisable", kPort, 0x64, 0x10, "PCI Express: Link Control", "link disable on"},
        BrokenCase{"CardPresent", kPort, 0x6e, 0x40, "PCI Express: Slot Status", "card present on"},
        BrokenCase{"SlotPower", kPort, 0x6d, 0x04, "PCI Express: Slot Control", "slot power off on"},
        BrokenCase{"AriForwarding", kPort, 0x7c, 0x20, "PCI Express: Device Control 2", "ARI forwarding on"},
        BrokenCase{"AerMask", kE1000e, 0x108, 0x10, "AER: Uncorrectable Error Mask", "data link protocol error on"},
        BrokenCase{"AcsControl", kPort, 0x14e, 0x01, "ACS: Control", "source validation off"},
        BrokenCase{"SerialNumber", "0000:09:00.0", 0x144, 0x01, "Device Serial Number: Serial Number"}),
    [](const auto& one) { return std::string(one.param.name); });

TEST(PciCompare, FindsBothOffAndOnInOneRegisterAndComplainsOfTheForbiddenBits) {
  // Bus mastering may go; parity response must not come.
  const auto changes = changes_to(Machine().flip(kE1000e, 0x04, 0x44));
  ASSERT_THAT(forbidden(changes), SizeIs(1));
  EXPECT_EQ(changes[0].detail, "parity error response on");
}

TEST(PciCompare, FindsBusNumbersThatWereGivenAnew) {
  const auto changes = changes_to(Machine("q35-after-renumbering.txt"));
  const auto bad = forbidden(changes);
  const auto moved = std::ranges::count(bad, "address", &PciChange::register_name);
  EXPECT_EQ(moved, 9) << format_diff(changes);
  EXPECT_THAT(names(bad), Contains("0000:03:00.0 address"));
  const auto address = std::ranges::find_if(
      bad, [](const PciChange& c) { return c.register_name == "address" && c.address.to_string() == kE1000e; });
  EXPECT_EQ(address->describe(), "0000:03:00.0 address: 0000:03:00.0 -> 0000:09:00.0");
  EXPECT_THAT(names(bad), Contains("0000:00:03.0 secondary bus"));
  // Root ports stay where they are, and nothing came or went.
  EXPECT_THAT(names(bad), Not(Contains("0000:00:03.0 address")));
  EXPECT_THAT(names(bad), Not(Contains(HasSubstr("presence"))));
  EXPECT_THAT(names(bad), Not(Contains(HasSubstr("IOMMU group"))));
}

TEST(PciCompare, FindsTheSameMovesWithoutSysfsPaths) {
  const PciSnapshot before = Machine().forget_paths().snapshot();
  const PciSnapshot after = Machine("q35-after-renumbering.txt").forget_paths().snapshot();
  const auto bad = forbidden(compare(before, after, {}));
  EXPECT_EQ(std::ranges::count(bad, "address", &PciChange::register_name), 9);
  EXPECT_THAT(names(bad), Not(Contains(HasSubstr("presence"))));
}

TEST(PciCompare, FindsWhatIsGoneAndWhatCame) {
  EXPECT_THAT(names(forbidden(changes_to(Machine().remove(kEdu)))), Contains("0000:05:01.0 presence"));
  const auto came = compare(Machine().remove(kEdu).snapshot(), Machine().snapshot(), {});
  ASSERT_THAT(names(forbidden(came)), Contains("0000:05:01.0 presence"));
  EXPECT_THAT(format_diff(came), HasSubstr("0000:05:01.0 presence: not there -> 1234:11e8 class 00ff00"));
}

TEST(PciCompare, FindsADeviceThatNoLongerAnswersAsOneChange) {
  const auto bad = forbidden(changes_to(Machine().set(kNvme, 0, std::vector<uint8_t>(4096, 0xff))));
  ASSERT_THAT(names(bad), ElementsAre("0000:02:00.0 config space"));
  EXPECT_THAT(bad[0].after, HasSubstr("does not answer"));
}

TEST(PciCompare, FindsDevicesThatSwappedTheirSlots) {
  // Two equal cards, told apart by their serial numbers alone.
  const std::vector<uint8_t> one = {1, 1, 1, 1, 0xff, 0xff, 1, 1};
  const std::vector<uint8_t> other = {2, 2, 2, 2, 0xff, 0xff, 2, 2};
  const Machine before = Machine().set(kE1000e, 0x144, one).set(kOtherE1000e, 0x144, other);
  const Machine after = Machine().set(kE1000e, 0x144, other).set(kOtherE1000e, 0x144, one);
  const auto bad = forbidden(compare(before.snapshot(), after.snapshot(), {}));
  EXPECT_THAT(names(bad), Contains("0000:03:00.0 address"));
  EXPECT_THAT(names(bad), Contains("0000:09:00.0 address"));
  EXPECT_THAT(names(bad), Not(Contains(HasSubstr("Serial Number"))));
}

TEST(PciCompare, FindsExtendedConfigSpaceThatWasLost) {
  const auto changes = changes_to(Machine().shorten(kE1000e, 256));
  EXPECT_THAT(names(forbidden(changes)), ElementsAre("0000:03:00.0 config space size"));
}

TEST(PciCompare, FindsResourcesThatMoved) {
  Machine after;
  after.at(kE1000e).resources[0].start += 0x20000;
  after.at(kE1000e).resources[0].end += 0x20000;
  after.at(kE1000e).resources[1].flags |= 0x40000000;  // bookkeeping
  const auto changes = changes_to(after);
  EXPECT_THAT(names(changes), ElementsAre("0000:03:00.0 resource 0", "0000:03:00.0 resource 1"));
  EXPECT_THAT(names(forbidden(changes)), ElementsAre("0000:03:00.0 resource 0"));
}

TEST(PciCompare, ForbidsAnotherDriverUnlessDriversAreIgnored) {
  Machine after;
  after.at(kE1000e).driver = "vfio-pci";
  EXPECT_THAT(names(forbidden(changes_to(after))), ElementsAre("0000:03:00.0 driver"));
  PciExpectation expectation;
  expectation.ignore_drivers = true;
  EXPECT_THAT(forbidden(changes_to(after, expectation)), IsEmpty());
}

TEST(PciCompare, ForbidsAnotherGroupNumberOnlyForDevicesUnderTest) {
  Machine after;
  after.at(kE1000e).iommu_group = 77;
  EXPECT_THAT(forbidden(changes_to(after)), IsEmpty());
  PciExpectation expectation;
  expectation.under_test = {*PciAddress::parse(kE1000e)};
  EXPECT_THAT(names(forbidden(changes_to(after, expectation))), ElementsAre("0000:03:00.0 IOMMU group"));
}

TEST(PciCompare, ForbidsSharingAGroupWithAnotherDevice) {
  Machine after;
  after.at(kE1000e).iommu_group = after.at(kNvme).iommu_group;
  const auto bad = forbidden(changes_to(after));
  EXPECT_THAT(names(bad), ElementsAre("0000:02:00.0 IOMMU group members", "0000:03:00.0 IOMMU group members"));
  EXPECT_EQ(bad[1].after, "0000:02:00.0 0000:03:00.0");
}

TEST(PciCompare, ForbidsLosingTheIommu) {
  Machine after;
  after.at(kE1000e).iommu_group = -1;
  EXPECT_THAT(names(forbidden(changes_to(after))), ElementsAre("0000:03:00.0 IOMMU group"));
}

TEST(PciCompare, ToleratesWhatADeviceIsKnownToDo) {
  PciExpectation expectation;
  expectation.tolerate = {{"PCI Express: Link *", "this card changes its link speed to save power"}};
  const auto changes = changes_to(Machine().flip(kE1000e, 0xf2, 0x03), expectation);
  EXPECT_THAT(forbidden(changes), IsEmpty());
  EXPECT_THAT(format_diff(changes), HasSubstr("save power"));
}

/// A machine of one function with this config space.
PciSnapshot alone(const std::vector<uint8_t>& config) {
  wire::PciListReply reply;
  wire::PciFunction said;
  said.bdf = "0000:00:01.0";
  said.config_size = static_cast<uint32_t>(config.size());
  reply.functions.push_back(said);
  for (const uint8_t byte : config) reply.blob.push_back(static_cast<wire::Bytes::value_type>(byte));
  return *PciSnapshot::from(reply);
}

TEST(PciCompare, SurvivesChainsThatLoopOrLeaveTheSpace) {
  uint32_t state = 1;
  for (uint32_t round = 0; round < 42; ++round) {
    std::vector<uint8_t> noise(round % 7 == 0 ? 256 : 4096);
    for (uint8_t& byte : noise) {
      state = state * 1664525U + 1013904223U;
      byte = static_cast<uint8_t>(state >> 24);
    }
    noise[0x06] |= 0x10;
    noise[0x0e] = static_cast<uint8_t>(round % 4);
    if (round % 3 == 0) noise[0x34] = noise[0x41] = 0x40;  // points at itself
    if (round % 5 == 0) noise[0x34] = 0xfc;                // begins at the very end
    if (round % 2 == 0 && noise.size() > 256) {            // an AER capability, then one in the last dword
      std::ranges::copy(std::vector<uint8_t>{0x01, 0x00, 0xc1, 0xff}, noise.begin() + 0x100);
    }
    std::vector<uint8_t> quiet = noise;
    quiet[0x40] ^= 1;
    for (size_t at = 0x41; at < quiet.size(); at += 13) quiet[at] ^= 0x80;
    EXPECT_FALSE(compare(alone(noise), alone(quiet), {}).empty());
    EXPECT_FALSE(compare(alone(quiet), alone(noise), {}).empty());
    EXPECT_TRUE(compare(alone(noise), alone(noise), {}).empty());
  }
}

TEST(PciCompare, NamesEveryByteOfAnyConfigSpace) {
  // Whatever the layout, a flipped byte is one change: no byte is in no register, and none in two.
  const PciSnapshot before = Machine().snapshot();
  const std::vector<uint8_t> config = before.find(*PciAddress::parse(kPort))->config;
  for (size_t at = 0; at < config.size(); at += at < 0x180 ? 1 : 509) {
    if (at == 0x0e) continue;  // another header type means another layout
    std::vector<uint8_t> flipped = config;
    flipped[at] ^= 0x5a;
    EXPECT_THAT(compare(alone(config), alone(flipped), {}), SizeIs(1)) << at;
  }
}

TEST(PciFormat, PutsForbiddenChangesFirstAndReasonsWithTheOthers) {
  const std::string text = format_diff(changes_to(Machine("q35-after-renumbering.txt")));
  EXPECT_THAT(text, HasSubstr(" forbidden, "));
  const size_t bad = text.find("address: 0000:03:00.0 -> 0000:09:00.0");
  const size_t fine = text.find("0000:00:1f.2 Command: 0x0107 -> 0x0103 (bus mastering off)\n      the kexec path");
  ASSERT_NE(bad, std::string::npos);
  ASSERT_NE(fine, std::string::npos) << text;
  EXPECT_LT(bad, fine);
}

}  // namespace
}  // namespace holdfast
