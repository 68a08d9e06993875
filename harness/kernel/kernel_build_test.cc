// Does a build give a whole kernel or a clear error, once for each content, and leave the tree alone?
#include "harness/kernel/kernel_build.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <functional>
#include <thread>

#include "harness/kernel/build_area.h"
#include "harness/kernel/fake_tree.h"
#include "harness/kernel/toolchain.h"
#include "harness/kernel/work_lock.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Build : public testing::Test {
 protected:
  void SetUp() override {
    if (!require_build_tools()) GTEST_SKIP() << require_build_tools().error().what;
    fake::tree(tree());
    fake::write(at("guest.config"), "CONFIG_PCI=y\n# CONFIG_SOUND is not set\n");
    request_.source.dir = tree();
    request_.config = {at("guest.config")};
    request_.name = "mine";
    set("count", at("builds").string());
    set("reached", at("reached").string());
  }
  fs::path at(const char* name) const { return dir_.path() / name; }
  fs::path tree() const { return at("linux"); }
  void set(const char* name, const std::string& value) { fake::write(tree() / "switches" / name, value); }
  size_t builds() const {
    const std::string counted = fake::read(at("builds"));
    return static_cast<size_t>(std::count(counted.begin(), counted.end(), '\n'));
  }
  Result<BuiltKernel> build(const Stop* stop = nullptr) {
    return build_kernel(request_, store_, Deadline::after(std::chrono::seconds(60), stop),
                        [this](const Progress& progress) {
                          if (steps_.empty() || steps_.back() != progress.step) steps_.push_back(progress.step);
                        });
  }
  Error failure() {
    auto built = build();
    EXPECT_FALSE(built);
    return built ? Error() : built.error();
  }
  /// Waits until a slow build is in the middle of compiling.
  void wait_until_compiling() const {
    const Deadline deadline = fake::soon();
    while (!fs::exists(at("reached")) && !deadline.expired()) ::usleep(20'000);
    ASSERT_TRUE(fs::exists(at("reached")));
  }
  void expect_nothing_half() const {
    EXPECT_THAT(store_.list(), IsEmpty());
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(at("cache") / "kernels", none)) ADD_FAILURE() << entry.path();
  }

  TempDir dir_ = *TempDir::create("holdfast-build");
  KernelStore store_{at("cache")};
  BuildRequest request_;
  std::vector<std::string> steps_;
};

TEST_F(Build, GivesAWholeKernelAndTellsItsSteps) {
  const auto built = build();
  ASSERT_TRUE(built) << built.error().what;
  EXPECT_TRUE(built->built);
  const StoredKernel& kernel = built->kernel;
  EXPECT_EQ(kernel.release, "7.3.4");
  EXPECT_EQ(kernel.build_id, fake::kBuildId);
  EXPECT_THAT(kernel.names, ElementsAre("mine"));
  EXPECT_THAT(kernel.source, AllOf(HasSubstr(tree().string()), HasSubstr("unpacked")));
  EXPECT_EQ(kernel.objects, 2U);
  EXPECT_EQ(fake::read(kernel.image()), fake::bzimage_gzip());
  EXPECT_THAT(fake::read(kernel.config()), HasSubstr("CONFIG_PCI=y"));
  EXPECT_THAT(fake::read(kernel.log()), HasSubstr("CC      init/main.o"));
  EXPECT_THAT(kernel.modules().string(), IsEmpty());
  EXPECT_THAT(steps_, ElementsAre("copy", "configure", "compile"));
}

TEST_F(Build, IsDoneOnceForTheSameContent) {
  ASSERT_TRUE(build());
  const auto began = Deadline::Clock::now();
  request_.name = "other";
  const auto again = build();
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->built);
  EXPECT_THAT(again->kernel.names, ElementsAre("mine", "other"));
  EXPECT_EQ(builds(), 1U);
  EXPECT_LT(Deadline::Clock::now() - began, std::chrono::seconds(1));
}

TEST_F(Build, IsDoneAgainWhenAnyPartDiffers) {
  ASSERT_TRUE(build());
  const std::vector<std::function<void()>> changes = {[&] { fake::write(tree() / "init/main.c", "int other;\n"); },
                                                      [&] { fake::write(at("guest.config"), "CONFIG_PCI=y\n"); },
                                                      [&] { fake::write(tree() / "init/main.c", fake::kMainC); },
                                                      [&] {
                                                        fake::write(at("a.patch"), fake::kGoodPatch);
                                                        request_.series = *read_series(at("a.patch"), fake::soon());
                                                      },
                                                      [&] {
                                                        fake::write(at("more.config"), "CONFIG_MORE=1\n");
                                                        request_.config.push_back(at("more.config"));
                                                      }};
  size_t expected = 1;
  for (const auto& change : changes) {
    change();
    const auto built = build();
    ASSERT_TRUE(built) << built.error().what;
    EXPECT_TRUE(built->built);
    EXPECT_EQ(builds(), ++expected);
  }
}

TEST_F(Build, AppliesTheSeriesToTheCopyAlone) {
  fake::write(at("a.patch"), fake::kGoodPatch);
  request_.series = *read_series(at("a.patch"), fake::soon());
  fake::write(tree() / "Makefile", std::string(fake::kMakefile) + "bzImage: shown\nshown:\n\t@cat init/main.c\n");
  const auto built = build();
  ASSERT_TRUE(built) << built.error().what;
  EXPECT_THAT(fake::read(built->kernel.log()), HasSubstr("return 1;"));
  EXPECT_EQ(fake::read(tree() / "init/main.c"), fake::kMainC);
  EXPECT_THAT(built->kernel.series, AllOf(HasSubstr("a.patch"), HasSubstr("1 patch")));
}

TEST_F(Build, IgnoresTheCallersMakeVariables) {
  const fake::ScopedEnv flags("MAKEFLAGS", "n");
  const fake::ScopedEnv output("KBUILD_OUTPUT", "/nowhere");
  const fake::ScopedEnv arch("ARCH", "arm64");
  const auto built = build();
  ASSERT_TRUE(built) << built.error().what;
}

TEST_F(Build, NamesPatchAndHunkBeforeAnythingIsCopied) {
  fake::write(at("s/0001-bad.patch"), fake::kBadPatch);
  request_.series = *read_series(at("s"), fake::soon());
  EXPECT_THAT(failure().what, AllOf(HasSubstr("0001-bad.patch"), HasSubstr("hunk #2"), HasSubstr("init/main.c:4")));
  EXPECT_THAT(steps_, IsEmpty());
  expect_nothing_half();
}

TEST_F(Build, NamesTheSymbolThatDidNotSurvive) {
  fake::write(at("guest.config"), "CONFIG_PCI=y\nCONFIG_LOST_ONE=y\n");
  const Error error = failure();
  EXPECT_EQ(error.kind, "usage");
  EXPECT_THAT(error.what,
              AllOf(HasSubstr("CONFIG_LOST_ONE=y (guest.config:2) became n"), HasSubstr("depends on PCI && FOO")));
  expect_nothing_half();
}

TEST_F(Build, AsksForOptionalSymbolsOnlyWhereTheyExist) {
  fake::write(at("optional.config"), "CONFIG_VFIO_PCI=y\nCONFIG_NOT_HERE=y\n");
  request_.config_if_known = {at("optional.config")};
  const auto built = build();
  ASSERT_TRUE(built) << built.error().what;
  EXPECT_THAT(fake::read(built->kernel.config()),
              AllOf(HasSubstr("CONFIG_VFIO_PCI=y"), testing::Not(HasSubstr("NOT_HERE"))));
}

TEST_F(Build, BlamesTheKernelWhenItDoesNotCompile) {
  set("fail", "");
  const Error error = failure();
  EXPECT_EQ(error.type(), "kernel.build");
  EXPECT_THAT(error.what, HasSubstr("init/main.c:3:1: error: expected ';'"));
  ASSERT_EQ(error.evidence.size(), 2U);
  EXPECT_THAT(fake::read(error.evidence[1].text), HasSubstr("error: expected"));
  expect_nothing_half();
  fs::remove(tree() / "switches/fail");
  EXPECT_TRUE(build());
}

TEST_F(Build, BlamesTheDiskWhenThatBecameFull) {
  fake::write(tree() / "Makefile",
              std::string(fake::kMakefile) +
                  "bzImage: full\nfull:\n\t@echo 'cc1: fatal error: /x: No space left on device'; exit 1\n");
  EXPECT_EQ(failure().type(), "lab.disk");
  expect_nothing_half();
}

TEST_F(Build, DoesNotStoreAnImageThatIsNone) {
  fake::write(tree() / "boot.image", "half");
  EXPECT_THAT(failure().what, HasSubstr("not an x86 bzImage"));
  EXPECT_THAT(store_.list(), IsEmpty());
}

TEST_F(Build, InstallsModulesWhenThereAreSome) {
  if (!find_program("depmod") && !find_program("/sbin/depmod")) GTEST_SKIP() << "depmod is not installed";
  fake::write(at("guest.config"), "CONFIG_VFIO_PCI=m\n");
  const auto built = build();
  ASSERT_TRUE(built) << built.error().what;
  EXPECT_TRUE(fs::exists(built->kernel.modules() / "lib/modules/7.3.4/kernel/x.ko"));
  EXPECT_FALSE(fs::is_symlink(built->kernel.modules() / "lib/modules/7.3.4/build"));
}

TEST_F(Build, CleansTheCopyOfATreeThatWasBuiltIn) {
  fake::write(tree() / ".config", "CONFIG_OLD=y\n");
  fake::write(tree() / "include/generated/autoconf.h", "x");
  ASSERT_TRUE(build());
  EXPECT_THAT(steps_, Contains("clean"));
  EXPECT_TRUE(fs::exists(tree() / "include/generated/autoconf.h"));
}

TEST_F(Build, RefusesAFolderThatIsNoTreeAndANameThatIsNone) {
  request_.source.dir = dir_.path();
  EXPECT_THAT(failure().hint, HasSubstr("its subfolder linux?"));
  request_.source.dir = tree();
  request_.name = "a/b";
  EXPECT_THAT(failure().what, HasSubstr("a/b"));
}

TEST_F(Build, RefusesACacheWhoseNameMakeCannotTake) {
  store_ = KernelStore(at("with space"));
  EXPECT_THAT(failure().what, HasSubstr("with space"));
}

TEST_F(Build, LeavesNothingWhenItIsStopped) {
  set("slow", "30");
  const Stop stop = *Stop::create();
  std::jthread later([&] {
    wait_until_compiling();
    stop.request();
  });
  const auto built = build(&stop);
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().kind, "stopped");
  expect_nothing_half();
}

/// Runs `work` in a process of its own.
pid_t in_child(const std::function<bool()>& work) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(work() ? 0 : 1);
  return pid;
}

int exit_code_of(pid_t pid) {
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(Build, IsDoneOnceWhenTwoProcessesAskAtTheSameTime) {
  set("slow", "2");
  const fs::path waited = at("waited");
  const auto work = [&] {
    const auto built = build();
    if (std::find(steps_.begin(), steps_.end(), "wait") != steps_.end()) fake::write(waited, "");
    return built.ok() && built->kernel.release == "7.3.4";
  };
  const pid_t first = in_child(work);
  wait_until_compiling();
  const pid_t second = in_child(work);
  EXPECT_EQ(exit_code_of(first), 0);
  EXPECT_EQ(exit_code_of(second), 0);
  EXPECT_EQ(builds(), 1U);
  EXPECT_TRUE(fs::exists(waited));
  EXPECT_EQ(store_.list().size(), 1U);
}

TEST_F(Build, IsNotDisturbedByWhatAKilledOneLeft) {
  set("slow", "60");
  // The orphan that a killed controller leaves: it goes on writing, and holds the lock.
  const pid_t killed = in_child([&] { return build().ok(); });
  wait_until_compiling();
  ::kill(killed, SIGKILL);
  exit_code_of(killed);
  fs::remove(tree() / "switches/slow");
  const auto built = build();
  ASSERT_TRUE(built) << built.error().what;
  EXPECT_TRUE(built->built);
  EXPECT_THAT(steps_, Contains("wait"));
}

TEST(FirstErrors, AreFoundInALongLog) {
  const std::string log = "  CC a.o\nsome warning: x\nfoo.c:1:2: error: no\n  CC b.o\nmake[1]: *** [x] Error 1\n";
  EXPECT_EQ(first_errors(log), "foo.c:1:2: error: no\n  CC b.o\nmake[1]: *** [x] Error 1\n\n");
  EXPECT_THAT(first_errors("  CC a.o\nall is well\n"), IsEmpty());
}

TEST(Toolchain, NamesThePackagesOfWhatIsMissing) {
  const TempDir empty = *TempDir::create();
  const fake::ScopedEnv path("PATH", empty.path().string());
  const auto missing = require_build_tools();
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().type(), "lab.tool");
  EXPECT_THAT(missing.error().hint,
              AllOf(HasSubstr("apt-get install"), HasSubstr("flex"), HasSubstr("bison"), HasSubstr("binutils")));
  EXPECT_TRUE(require_tools_for({}, fake::soon()));
  const auto compressor = require_tools_for({{"CONFIG_KERNEL_ZSTD", "y"}}, fake::soon());
  ASSERT_FALSE(compressor);
  EXPECT_THAT(compressor.error().hint, HasSubstr("zstd"));
}

TEST(Toolchain, MissesAHeaderThatTheConfigurationNeeds) {
  const TempDir bin = *TempDir::create();
  fake::write(bin.path() / "gcc", "#!/bin/sh\nexit 1\n");
  fs::permissions(bin.path() / "gcc", fs::perms::owner_exec, fs::perm_options::add);
  const fake::ScopedEnv path("PATH", bin.path().string() + ":" + std::getenv("PATH"));
  const auto missing = require_tools_for({{"CONFIG_OBJTOOL", "y"}, {"CONFIG_MODULE_SIG", "y"}}, fake::soon());
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().hint, AllOf(HasSubstr("libelf-dev"), HasSubstr("libssl-dev")));
  EXPECT_TRUE(require_tools_for({{"CONFIG_PCI", "y"}}, fake::soon()));
}

}  // namespace
}  // namespace holdfast
