// Is what apt says understood, and does it stay within its own folder?
#include "harness/kernel/private_apt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/kernel/fake_surroundings.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

TEST(AptError, TellsNetworkSignatureAndDiskApart) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"Err:1 http://m x InRelease\n  Could not connect to m:80 (127.0.0.1). - connect (111: Connection refused)",
       "network"},
      {"W: Failed to fetch http://m/  Temporary failure resolving 'm'", "network"},
      {"W: GPG error: http://m x InRelease: The following signatures couldn't be verified ... NO_PUBKEY "
       "0E98404D386FA1D9",
       "signature"},
      {"E: The repository 'file:/x y Release' is not signed.", "signature"},
      {"E: Failed to fetch store:/x  Hash Sum mismatch", "signature"},
      {"E: Failed to fetch http://m/x.deb  Error writing to file - write (28: No space left on device)", "disk"},
      {"E: You don't have enough free space in /x/archives/.", "disk"},
      {"E: Something else", "apt"}};
  for (const auto& [said, kind] : table) {
    const Error error = apt_error("fetch x", "http://m", said);
    EXPECT_EQ(error.kind, kind) << said;
    EXPECT_EQ(error.blame, Blame::kLab);
    EXPECT_FALSE(error.hint.empty());
    EXPECT_THAT(error.evidence[0].text, HasSubstr(said.substr(0, 20)));
  }
}

TEST(KernelSeries, IsReadFromPackageNames) {
  EXPECT_EQ(kernel_series_of("linux-source-7.3"), std::pair(7U, 3U));
  EXPECT_GT(kernel_series_of("linux-source-7.10"), kernel_series_of("linux-source-7.9"));
  for (const char* other : {"linux-source", "linux-source-7", "linux-image-7.3", "linux-source-7.3-rt", ""}) {
    EXPECT_EQ(kernel_series_of(other), std::pair(0U, 0U)) << other;
  }
}

TEST(Packages, AreReadFromStanzas) {
  const auto packages = parse_packages(
      "Package: linux-source-7.3\nVersion: 7.3.4-1~bpo13+1\nSize: 166780612\nSHA256: abc\nDescription: Linux: x\n\n"
      "Package: linux-source-7.2\nVersion: 7.2.9-1\nSize: 5\n");
  ASSERT_EQ(packages.size(), 2U);
  EXPECT_EQ(packages[0].version, "7.3.4-1~bpo13+1");
  EXPECT_EQ(packages[0].size, 166780612U);
  EXPECT_EQ(packages[0].sha256, "abc");
  EXPECT_EQ(packages[1].name, "linux-source-7.2");
}

class RealApt : public testing::Test {
 protected:
  void SetUp() override {
    if (!find_program("apt-get") || !std::filesystem::exists("/usr/share/keyrings/debian-archive-keyring.gpg")) {
      GTEST_SKIP() << "apt or Debian's keyring is not installed";
    }
  }
  std::string update_kind(const std::string& mirror) {
    const auto apt = PrivateApt::create(dir_.path() / "apt", mirror, "trixie-backports");
    EXPECT_TRUE(apt) << apt.error().what;
    const auto updated = apt->update(fake::soon());
    return updated ? "" : updated.error().kind;
  }
  TempDir dir_ = *TempDir::create("holdfast-apt");
};

TEST_F(RealApt, SaysThatTheMirrorCannotBeReached) {
  // Port 1 of the loopback: nobody listens, and no name needs resolving.
  EXPECT_EQ(update_kind("http://127.0.0.1:1/debian"), "network");
}

TEST_F(RealApt, RefusesAMirrorThatIsNotSigned) {
  fake::write(dir_.path() / "mirror/dists/trixie-backports/main/binary-amd64/Packages", "");
  fake::write(dir_.path() / "mirror/dists/trixie-backports/Release",
              "Suite: trixie-backports\nCodename: trixie-backports\nArchitectures: amd64\nComponents: main\n");
  EXPECT_EQ(update_kind("file:" + (dir_.path() / "mirror").string()), "signature");
}

TEST_F(RealApt, SaysWhatIsMissingWhenThereIsNoApt) {
  const fake::ScopedEnv path("PATH", dir_.path().string());
  const auto apt = PrivateApt::create(dir_.path() / "apt", "http://m", "s");
  ASSERT_FALSE(apt);
  EXPECT_EQ(apt.error().type(), "lab.tool");
  EXPECT_THAT(apt.error().hint, HasSubstr("--tree"));
}

}  // namespace
}  // namespace holdfast
