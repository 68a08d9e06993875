// Is Debian's own mirror found among the package sources of a system?
#include "harness/kernel/debian_sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/kernel/fake_surroundings.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kDeb822 = R"(# written by an installer
Types: deb deb-src
# URIs: http://old.example/debian
URIs: http://deb.debian.org/debian
Suites: bookworm
 bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://deb.debian.org/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
)";

TEST(DebianSources, AreReadInDeb822Format) {
  const auto sources = parse_deb822_sources(kDeb822);
  ASSERT_EQ(sources.size(), 2U);
  EXPECT_EQ(sources[0].uri, "http://deb.debian.org/debian");
  EXPECT_THAT(sources[0].suites, ElementsAre("bookworm", "bookworm-updates"));
  EXPECT_THAT(sources[0].components, ElementsAre("main", "contrib"));
  EXPECT_EQ(debian_mirror(sources), "http://deb.debian.org/debian");
}

TEST(DebianSources, AreReadInOneLineFormat) {
  const auto sources = parse_one_line_sources(
      "# deb http://no.example/debian bookworm main\n"
      "deb-src http://src.example/debian bookworm main\n"
      "deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://m.example/debian/ trixie main "
      "# mine\n"
      "deb http://security.debian.org/debian-security trixie-security main\n");
  ASSERT_EQ(sources.size(), 2U);
  EXPECT_EQ(sources[0].uri, "http://m.example/debian/");
  EXPECT_THAT(sources[0].signed_by, HasSubstr("debian-archive-keyring"));
  EXPECT_EQ(debian_mirror(sources), "http://m.example/debian/");
}

TEST(DebianSources, LeaveOutDisabledEntries) {
  EXPECT_TRUE(
      parse_deb822_sources("Enabled: no\nTypes: deb\nURIs: http://x/debian\nSuites: sid\nComponents: main\n").empty());
  EXPECT_TRUE(parse_deb822_sources("Types: deb-src\nURIs: http://x/debian\nSuites: sid\nComponents: main\n").empty());
}

TEST(DebianSources, PassOverThirdPartiesThatUseDebiansNames) {
  const std::vector<AptSource> others = {
      {"https://packages.sury.org/php/", {"bookworm"}, {"main"}, "/usr/share/keyrings/sury.gpg"},
      {"https://download.docker.com/linux/debian", {"bookworm"}, {"stable"}, ""},
      {"https://deb.nodesource.com/node_20.x", {"nodistro"}, {"main"}, "/usr/share/keyrings/nodesource.gpg"},
      {"http://archive.ubuntu.com/ubuntu", {"noble"}, {"main"}, ""},
      {"cdrom:[Debian 12]/", {"bookworm"}, {"main"}, ""},
      {"http://deb.debian.org/debian-security", {"bookworm-security"}, {"main"}, ""}};
  EXPECT_EQ(debian_mirror(others), "");
  auto with_mirror = others;
  with_mirror.push_back({"http://ftp.example.org/pub/debian", {"bookworm"}, {"main"}, ""});
  EXPECT_EQ(debian_mirror(with_mirror), "http://ftp.example.org/pub/debian");
}

TEST(DebianSources, AreGatheredFromBothPlaces) {
  const TempDir etc = *TempDir::create("holdfast-etc");
  const auto none = system_debian_mirror(etc.path());
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().hint, HasSubstr("--tree"));
  fake::write(etc.path() / "sources.list", "deb http://list.example/debian bookworm main\n");
  EXPECT_EQ(*system_debian_mirror(etc.path()), "http://list.example/debian");
  fake::write(etc.path() / "sources.list.d/debian.sources", kDeb822);
  fake::write(etc.path() / "sources.list.d/off.sources.disabled", "Types: deb\n");
  EXPECT_EQ(*system_debian_mirror(etc.path()), "http://deb.debian.org/debian");
}

}  // namespace
}  // namespace holdfast
