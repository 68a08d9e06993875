// Is a verdict the same whether the first kernel was booted for the case or went on from a snapshot?
//
// A part of the suite and of the fault switches, chosen so that each blame, each kind of machine and each reason to
// boot is among them; `tools/detect` runs all switches from snapshots, with --cold without.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/e2e/program.h"

namespace holdfast::e2e {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kForked = R"("boot":"snapshot")";

/// A cache with the kernels of the usual one and no snapshots.
class SnapshotTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* named = ::getenv("HOLDFAST_CACHE");
    const fs::path usual = named != nullptr ? fs::path(named) : fs::path(::getenv("HOME")) / ".cache/holdfast";
    for (const char* part : {"kernels", "names", "images"}) fs::create_directory_symlink(usual / part, cache_ / part);
    if (named != nullptr) before_ = named;
    ::setenv("HOLDFAST_CACHE", cache_.c_str(), 1);
  }
  void TearDown() override {
    if (before_.empty()) {
      ::unsetenv("HOLDFAST_CACHE");
    } else {
      ::setenv("HOLDFAST_CACHE", before_.c_str(), 1);
    }
  }
  /// "verdict type" of each case.
  std::map<std::string, std::string> verdicts(std::vector<std::string> args, bool cold) {
    args.insert(args.begin(), "run");
    if (cold) args.emplace_back("--cold");
    const Output output = program_.run(std::move(args));
    EXPECT_THAT(program_.journal(), cold ? testing::Matcher<std::string>(Not(HasSubstr(kForked)))
                                         : testing::Matcher<std::string>(HasSubstr(kForked)))
        << output.out;
    std::map<std::string, std::string> found;
    for (const auto& [name, report] : read_junit(program_.junit())) found[name] = report.verdict + " " + report.type;
    EXPECT_FALSE(found.empty()) << output.out << output.err;
    return found;
  }
  void expect_same(const std::vector<std::string>& args) { EXPECT_EQ(verdicts(args, false), verdicts(args, true)); }

  TempDir dir_ = *TempDir::create("holdfast-snapshot");
  fs::path cache_ = dir_.path();
  std::string before_;
  Program program_;
};

TEST_F(SnapshotTest, OfASoundKernelChangesNoVerdict) {
  expect_same({"--filter",
               "Retrieve.DeviceComesBackAndWorks/*:Topology.EndpointInTheRootComplex*:HotPlug.PluggedDeviceIsPreserved:"
               "Addresses.PlainKexecMovesNothing:Pairs.KernelThatDoesNotFit*"});
}

TEST_F(SnapshotTest, OfABrokenKernelChangesNoVerdict) {
  const std::string filter = "Preserve.DeviceKeepsItsAddress/e1000e:LiveUpdate.MemfdKeepsItsBytes";
  for (const std::string fault : {"memfd-torn", "bar-moved", "warn", "panic-next"}) {
    SCOPED_TRACE(fault);
    const std::string word = "liveupdate_fault=" + fault;
    expect_same({"--kernel", "faults", "--filter", filter, "--append", word, "--next-append", word});
  }
}

TEST_F(SnapshotTest, ForksHaveTheConfigSpaceOfAMachineThatBooted) {
  const std::vector<std::string> args{"--filter", "HotPlug.PluggedDeviceIsPreserved"};
  const auto devices = [&](bool cold) {
    verdicts(args, cold);
    for (const auto& entry : fs::recursive_directory_iterator(program_.latest() / "cases")) {
      if (entry.path().filename() == "pci.boot.txt") return *read_file(entry.path());
    }
    return std::string();
  };
  const std::string forked = devices(false);
  EXPECT_FALSE(forked.empty());
  EXPECT_EQ(forked, devices(true));
}

/// How large the initramfs was that the kernel with this log was given.
uint64_t ramdisk_size(const std::string& log) {
  constexpr std::string_view kBegin = "RAMDISK: [mem 0x";
  const size_t at = log.find(kBegin);
  if (at == std::string::npos) return 0;
  const std::string line = log.substr(at + kBegin.size(), log.find(']', at) - at - kBegin.size());
  const size_t dash = line.find("-0x");
  if (dash == std::string::npos) return 0;
  return parse_u64(line.substr(dash + 3), 16).value_or(0) - parse_u64(line.substr(0, dash), 16).value_or(0);
}

TEST_F(SnapshotTest, NextKernelIsLoadedWithoutTheKernelFileThatThePayloadCarries) {
  const std::string name = "Preserve.DeviceKeepsItsAddress";
  ASSERT_EQ(program_.run({"run", "--filter", name + "/e1000e"}).status.code, 0);
  const fs::path attempt = program_.latest() / "cases" / name / "e1000e" / "attempt-1";
  const uint64_t before = ramdisk_size(*read_file(attempt / "dmesg.before"));
  const uint64_t after = ramdisk_size(*read_file(attempt / "dmesg.after"));
  EXPECT_GT(after, 0U);
  EXPECT_LT(after * 2, before);
}

TEST_F(SnapshotTest, ThatIsBrokenIsNoMoreThanASlowerCase) {
  const std::vector<std::string> args{"run", "--filter", "Retrieve.DeviceComesBackAndWorks/e1000e"};
  ASSERT_EQ(program_.run(args).status.code, 0);
  EXPECT_THAT(program_.journal(), HasSubstr(kForked));
  for (const auto& entry : fs::recursive_directory_iterator(cache_ / "snapshots")) {
    if (entry.path().filename() == "state") fs::resize_file(entry.path(), 1000);
  }
  const Output output = program_.run(args);
  EXPECT_EQ(output.status.code, 0) << output.out;
  EXPECT_THAT(program_.journal(), Not(HasSubstr(kForked)));
  EXPECT_THAT(output.out + output.err, HasSubstr("no snapshot could be used"));
  ASSERT_EQ(program_.run(args).status.code, 0);
  EXPECT_THAT(program_.journal(), HasSubstr(kForked)) << "it is made anew";
}

}  // namespace
}  // namespace holdfast::e2e
