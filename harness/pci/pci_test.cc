// Do snapshots read what machines and texts say, and refuse what contradicts itself?
#include "harness/pci/pci.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "fixtures/fake_sysfs.h"
#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/base/text.h"
#include "harness/pci/pci_recording_test.h"

namespace holdfast {
namespace {

using namespace pci_recording;
using testing::HasSubstr;
using testing::SizeIs;

TEST(PciAddress, ReadsLongAndShortForms) {
  EXPECT_EQ(PciAddress::parse("0000:03:00.0")->to_string(), "0000:03:00.0");
  EXPECT_EQ(PciAddress::parse("00:1f.7")->to_string(), "0000:00:1f.7");
  EXPECT_EQ(PciAddress::parse("10000:e1:00.0")->to_string(), "10000:e1:00.0");
}

TEST(PciAddress, RefusesWhatIsNone) {
  for (const std::string_view text :
       {"", "eth0", "0000:03:00", "0000:03:20.0", "0000:03:00.8", "0000:100:00.0", "03:00.0 "}) {
    const auto parsed = PciAddress::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().type(), "harness.usage");
    EXPECT_THAT(parsed.error().what, HasSubstr(std::string(text)));
  }
}

TEST(PciSnapshot, DecodesBridgesOfARecordedMachine) {
  const PciSnapshot snapshot = Machine().snapshot();
  EXPECT_THAT(snapshot.functions(), SizeIs(19));
  const PciFunctionState* port = snapshot.find(*PciAddress::parse(kPort));
  ASSERT_NE(port, nullptr);
  ASSERT_TRUE(port->bridge);
  EXPECT_EQ(port->bridge->primary, 0);
  EXPECT_EQ(port->bridge->secondary, 3);
  EXPECT_EQ(port->bridge->subordinate, 3);
  // The kernel's own view of the windows stands in the recorded resources 13 to 15.
  const auto window = [&](size_t i) {
    return fmt::format("{:08x}-{:08x}", port->resources[i].start, port->resources[i].end);
  };
  EXPECT_EQ("0000" + port->bridge->io_window.substr(0, 5) + "0000" + port->bridge->io_window.substr(5), window(13));
  EXPECT_EQ(port->bridge->memory_window, window(14));
  EXPECT_EQ(port->bridge->prefetchable_window, window(15));
  EXPECT_FALSE(snapshot.find(*PciAddress::parse(kE1000e))->bridge);
}

TEST(PciSnapshot, ReadsTheNamedFunctionsOfAMachine) {
  const auto root = TempDir::create("machine");
  ASSERT_TRUE(root);
  ASSERT_TRUE(fake::make_machine("two-socket-server", root->path()));
  const PciAddress card = *PciAddress::parse("0000:18:00.0");
  const auto snapshot = PciSnapshot::of_this_machine({card}, root->path() / "sys/bus/pci");
  ASSERT_TRUE(snapshot) << snapshot.error().what;
  ASSERT_THAT(snapshot->functions(), SizeIs(1));
  EXPECT_EQ(snapshot->find(card)->device, 0x1572);
  EXPECT_EQ(snapshot->find(card)->class_code, 0x020000U);
  EXPECT_THAT(snapshot->find(card)->config, SizeIs(4096));
  const auto absent = PciSnapshot::of_this_machine({*PciAddress::parse("0000:19:00.0")}, root->path() / "sys/bus/pci");
  ASSERT_FALSE(absent);
  EXPECT_THAT(absent.error().what, HasSubstr("0000:19:00.0"));
}

TEST(PciBridge, DecodesWindowsOfEveryWidth) {
  std::vector<uint8_t> config(64);
  config[0x0e] = 0x81;
  const auto put = [&](size_t at, std::vector<uint8_t> bytes) {
    std::ranges::copy(bytes, config.begin() + static_cast<std::ptrdiff_t>(at));
  };
  put(0x1c, {0xf0, 0x00});  // base over limit: closed
  put(0x20, {0xf0, 0xff, 0x00, 0x00});
  put(0x24, {0xf1, 0xff, 0x01, 0x00});
  EXPECT_EQ(PciBridge::decode(config)->io_window, "none");
  EXPECT_EQ(PciBridge::decode(config)->memory_window, "none");
  EXPECT_EQ(PciBridge::decode(config)->prefetchable_window, "none");
  put(0x1c, {0x21, 0x31});
  put(0x30, {0x01, 0x00, 0x01, 0x00});  // I/O above 64 KiB
  put(0x20, {0x00, 0xe0, 0x10, 0xe0});
  put(0x24, {0x01, 0x00, 0xf1, 0xff});
  put(0x28, {0x80, 0x00, 0x00, 0x00, 0x80, 0x00, 0x00, 0x00});
  EXPECT_EQ(PciBridge::decode(config)->io_window, "12000-13fff");
  EXPECT_EQ(PciBridge::decode(config)->memory_window, "e0000000-e01fffff");
  EXPECT_EQ(PciBridge::decode(config)->prefetchable_window, "8000000000-80ffffffff");
}

TEST(PciSnapshot, RefusesAReplyThatContradictsItself) {
  const wire::PciListReply good = Machine().reply();
  std::vector<wire::PciListReply> bad(5, good);
  bad[0].blob.pop_back();
  bad[1].blob.push_back({});
  bad[2].functions[3].config_size = 100;
  bad[3].functions[3].bdf = "eth0";
  bad[4].functions[3].bdf = bad[4].functions[2].bdf;
  for (const wire::PciListReply& reply : bad) {
    const auto snapshot = PciSnapshot::from(reply);
    ASSERT_FALSE(snapshot);
    EXPECT_EQ(snapshot.error().type(), "harness.wire");
  }
  EXPECT_TRUE(PciSnapshot::from(good));
}

TEST(PciSnapshot, ReadsItsOwnTextBack) {
  const PciSnapshot before = Machine().snapshot();
  const auto again = PciSnapshot::parse(before.to_lspci_text());
  ASSERT_TRUE(again) << again.error().what;
  ASSERT_EQ(again->functions().size(), before.functions().size());
  for (size_t i = 0; i < before.functions().size(); ++i) {
    EXPECT_EQ(again->functions()[i].address, before.functions()[i].address);
    EXPECT_EQ(again->functions()[i].config, before.functions()[i].config);
    EXPECT_EQ(again->functions()[i].class_code, before.functions()[i].class_code);
  }
}

TEST(PciSnapshot, WritesATextThatNoDriverNameCanBreak) {
  Machine machine;
  machine.at(kE1000e).driver = "evil\n0000:7f:00.0 x\n" + std::string(500, 'a');
  const auto again = PciSnapshot::parse(machine.snapshot().to_lspci_text());
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_THAT(again->functions(), SizeIs(19));
}

TEST(PciSnapshot, LspciReadsItsText) {
  if (!find_program("lspci")) GTEST_SKIP() << "lspci is not installed";
  const auto dir = TempDir::create();
  ASSERT_TRUE(dir);
  const auto dump = dir->path() / "pci.txt";
  ASSERT_TRUE(write_file(dump, Machine().snapshot().to_lspci_text()));
  const auto lspci = run({.argv = {"lspci", "-D", "-n", "-vvv", "-F", dump.string()}}, Deadline::after(Millis(60'000)));
  ASSERT_TRUE(lspci) << lspci.error().what;
  ASSERT_TRUE(lspci->status.success()) << lspci->err;
  const std::string& text = lspci->out;
  EXPECT_THAT(text, HasSubstr("0000:03:00.0 0200: 8086:10d3"));
  EXPECT_THAT(text, HasSubstr("MSI-X: Enable+ Count=5"));
  EXPECT_THAT(text, HasSubstr("Device Serial Number 52-54-00-ff-ff-12-34-57"));
}

TEST(PciSnapshot, RefusesTextsThatLibpciCannotRead) {
  const std::string line(300, 'x');
  for (const std::string& text :
       {std::string(), std::string("nonsense\n"), std::string("00:00.0 x\n00: 86 80"), "00:00.0 " + line + "\n",
        std::string("00:00.0 x\n00: 86 zz\n"), std::string("00:00.0 x\nfff: 00 00 00\n"),
        std::string("00:00.0 x\n00: 86 80\n"), std::string("\0\0\0", 3)}) {
    const auto snapshot = PciSnapshot::parse(text);
    ASSERT_FALSE(snapshot) << text;
    EXPECT_EQ(snapshot.error().type(), "harness.pci-text");
  }
}

}  // namespace
}  // namespace holdfast
