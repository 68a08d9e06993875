// Is the newest source taken that the series fits, fetched once, and never believed when it is half?
//
// apt is played by two scripts in front of PATH; the packages are real ones, and what unpacks them is the real thing.
#include "harness/kernel/kernel_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "harness/base/digest.h"
#include "harness/kernel/fake_tree.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kAptGet = R"(#!/bin/sh
here=${0%/*}
for word; do last=$word; done
case "$*" in
*update)
  echo update >> $here/calls
  [ ! -f $here/offline ] || { echo "Could not resolve 'mirror'"; exit 100; } ;;
*download*)
  echo "download $last" >> $here/calls
  cp $here/${last%%=*}.deb . ;;
esac
)";
constexpr std::string_view kAptCache = R"(#!/bin/sh
here=${0%/*}
case "$*" in
*pkgnames*) ls $here | sed -n 's/\.deb$//p'; echo linux-source ;;
*show*) cat $here/*.stanza ;;
esac
)";

class Fetch : public testing::Test {
 protected:
  void SetUp() override {
    if (!find_program("dpkg-deb") || !fs::exists("/usr/share/keyrings/debian-archive-keyring.gpg")) {
      GTEST_SKIP() << "no Debian tools here";
    }
    fake::write(bin() / "apt-get", kAptGet);
    fake::write(bin() / "apt-cache", kAptCache);
    for (const char* name : {"apt-get", "apt-cache"}) {
      fs::permissions(bin() / name, fs::perms::owner_exec, fs::perm_options::add);
    }
    path_.emplace("PATH", bin().string() + ":" + std::getenv("PATH"));
    fake::write(dir_.path() / "etc/sources.list", "deb http://mirror/debian bookworm main\n");
    fake::write(dir_.path() / "good.patch", fake::kGoodPatch);
    plan_.cache = dir_.path() / "cache";
    plan_.etc_apt = dir_.path() / "etc";
    plan_.series = *read_series(dir_.path() / "good.patch", fake::soon());
  }

  fs::path bin() const { return dir_.path() / "bin"; }

  /// A package as Debian's: usr/src/linux-source-X.tar.xz with the tree in a folder of its own.
  void offer(const std::string& name, const std::string& version, std::string_view main_c = fake::kMainC) {
    const fs::path work = dir_.path() / "work";
    fs::remove_all(work);
    fake::tree(work / name);
    fake::write(work / name / "init/main.c", main_c);
    fake::write(work / "root/DEBIAN/control", "Package: " + name + "\nVersion: " + version +
                                                  "\nArchitecture: all\nMaintainer: x <x@y>\nDescription: x\n");
    fs::create_directories(work / "root/usr/src");
    ASSERT_TRUE(fake::shell("tar -cJf root/usr/src/" + name + ".tar.xz " + name + " && dpkg-deb -b root " +
                                (bin() / (name + ".deb")).string(),
                            work));
    fake::write(bin() / (name + ".stanza"), "Package: " + name + "\nVersion: " + version +
                                                "\nSize: 1000\nSHA256: " + sha256(name + version) + "\n\n");
  }
  Result<FetchedSource> fetch() { return fetch_source(plan_, fake::soon(), {}); }
  std::string calls() const { return fake::read(bin() / "calls"); }

  TempDir dir_ = *TempDir::create("holdfast-fetch");
  std::optional<fake::ScopedEnv> path_;
  FetchPlan plan_;
};

TEST_F(Fetch, TakesTheNewestAndKeepsIt) {
  offer("linux-source-7.2", "7.2.9-1");
  offer("linux-source-7.10", "7.10.1-1");
  const auto source = fetch();
  ASSERT_TRUE(source) << source.error().what;
  EXPECT_EQ(source->describe(), "Debian linux-source-7.10 7.10.1-1");
  EXPECT_TRUE(source->downloaded);
  EXPECT_THAT(source->notes, IsEmpty());
  EXPECT_EQ(fake::read(source->tree / "init/main.c"), fake::kMainC);
  EXPECT_EQ(calls(), "update\ndownload linux-source-7.10=7.10.1-1\n");
  const auto again = fetch();
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->downloaded);
  EXPECT_EQ(again->key, source->key);
  EXPECT_EQ(calls(), "update\ndownload linux-source-7.10=7.10.1-1\nupdate\n");
}

TEST_F(Fetch, FallsBackToAnOlderOneThatTheSeriesFitsAndSaysWhy) {
  offer("linux-source-7.3", "7.3.4-1");
  offer("linux-source-7.4", "7.4.1-1", "int rewritten;\n");
  const auto source = fetch();
  ASSERT_TRUE(source) << source.error().what;
  EXPECT_EQ(source->package, "linux-source-7.3");
  EXPECT_THAT(source->notes,
              ElementsAre(testing::AllOf(HasSubstr("linux-source-7.4 7.4.1-1 passed over"), HasSubstr("hunk #1"))));
  EXPECT_EQ(newest_fetched(plan_.cache, plan_.series, fake::soon())->package, "linux-source-7.3");
  EXPECT_EQ(newest_fetched(plan_.cache, {}, fake::soon())->package, "linux-source-7.4");
}

TEST_F(Fetch, FailsWithEveryReasonWhenTheSeriesFitsNone) {
  offer("linux-source-7.3", "7.3.4-1", "int other;\n");
  const auto source = fetch();
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().kind, "usage");
  EXPECT_THAT(source.error().what, HasSubstr("linux-source-7.3 7.3.4-1"));
}

TEST_F(Fetch, ReplacesAnOlderPackageOfTheSameKernel) {
  offer("linux-source-7.3", "7.3.4-1");
  ASSERT_TRUE(fetch());
  offer("linux-source-7.3", "7.3.5-1");
  ASSERT_TRUE(fetch());
  const auto there = fetched_sources(plan_.cache);
  ASSERT_EQ(there.size(), 1U);
  EXPECT_EQ(there[0].version, "7.3.5-1");
}

TEST_F(Fetch, UsesWhatIsThereWhenTheMirrorCannotBeReached) {
  offer("linux-source-7.3", "7.3.4-1");
  fake::write(bin() / "offline", "");
  const auto nothing = fetch();
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().type(), "lab.network");
  fs::remove(bin() / "offline");
  ASSERT_TRUE(fetch());
  fake::write(bin() / "offline", "");
  const auto source = fetch();
  ASSERT_TRUE(source) << source.error().what;
  EXPECT_THAT(source->notes, ElementsAre(HasSubstr("cannot be reached")));
}

TEST_F(Fetch, DoesNotBelieveWhatAnInterruptedOneLeft) {
  offer("linux-source-7.3", "7.3.4-1");
  const fs::path half = plan_.cache / "sources/.new-0123";
  fake::tree(half / "whole/tree");
  const fs::path unmarked = plan_.cache / "sources/linux-source-7.3_7.3.4-1";
  fake::write(unmarked / "tree/Makefile", "half");
  EXPECT_THAT(fetched_sources(plan_.cache), IsEmpty());
  const auto source = fetch();
  ASSERT_TRUE(source) << source.error().what;
  EXPECT_TRUE(source->downloaded);
  EXPECT_EQ(fake::read(source->tree / "Makefile"), fake::kMakefile);
  EXPECT_FALSE(fs::exists(half));
}

TEST_F(Fetch, LeavesNothingWholeWhenItIsStopped) {
  offer("linux-source-7.3", "7.3.4-1");
  const Stop stop = *Stop::create();
  fake::write(bin() / "apt-get", "#!/bin/sh\ncase \"$*\" in *download*) sleep 30;; esac\n");
  std::jthread later([&] {
    ::usleep(400'000);
    stop.request();
  });
  const auto source = fetch_source(plan_, Deadline::never(&stop), {});
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().kind, "stopped");
  EXPECT_THAT(fetched_sources(plan_.cache), IsEmpty());
  fake::write(bin() / "apt-get", kAptGet);
  ASSERT_TRUE(fetch());
  for (const auto& entry : fs::directory_iterator(plan_.cache / "sources")) {
    EXPECT_FALSE(entry.path().filename().string().starts_with(".new")) << entry.path();
  }
}

TEST_F(Fetch, SaysThatAPackageIsDamaged) {
  offer("linux-source-7.3", "7.3.4-1");
  fake::write(bin() / "linux-source-7.3.deb", "garbage");
  const auto source = fetch();
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().type(), "lab.damaged");
  EXPECT_THAT(fetched_sources(plan_.cache), IsEmpty());
}

}  // namespace
}  // namespace holdfast
