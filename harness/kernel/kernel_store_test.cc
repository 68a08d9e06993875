// Does the store find, name and remove kernels, and never show half of one?
#include "harness/kernel/kernel_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/digest.h"
#include "harness/kernel/data_dir.h"
#include "harness/kernel/disk_space.h"
#include "harness/kernel/fake_image.h"
#include "harness/kernel/kernel_verbs.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Store : public testing::Test {
 protected:
  StoredKernel add(const std::string& seed, const std::vector<std::string>& names) {
    const fs::path staged = *store_.stage();
    fake::write(staged / "bzImage", fake::bzimage_gzip());
    fake::write(staged / "config", fake::kConfig);
    StoredKernel kernel;
    kernel.key = sha256(seed);
    kernel.release = seed;
    kernel = *store_.publish(staged, kernel);
    for (const std::string& name : names) EXPECT_TRUE(store_.give_name(name, kernel.key));
    return kernel;
  }
  std::vector<std::string> releases() const {
    std::vector<std::string> found;
    for (const StoredKernel& kernel : store_.list()) found.push_back(kernel.release);
    return found;
  }

  TempDir dir_ = *TempDir::create("holdfast-store");
  KernelStore store_{dir_.path()};
};

TEST_F(Store, IsEmptyWhenThereIsNone) {
  EXPECT_THAT(KernelStore(dir_.path() / "nowhere").list(), IsEmpty());
  const auto image = store_.resolve("stock", fake::soon());
  ASSERT_FALSE(image);
  EXPECT_THAT(image.error().hint, HasSubstr("kernel build"));
}

TEST_F(Store, FindsAKernelByEachOfItsNamesAndItsKey) {
  const StoredKernel kernel = add("a", {"one", "two"});
  for (const std::string& name : {std::string("one"), std::string("two"), kernel.key, kernel.key.substr(0, 8)}) {
    const auto found = store_.find(name);
    ASSERT_TRUE(found) << name;
    EXPECT_EQ(found->key, kernel.key);
    EXPECT_THAT(found->names, ElementsAre("one", "two"));
  }
  EXPECT_FALSE(store_.find(kernel.key.substr(0, 7)));
  EXPECT_FALSE(store_.find("three"));
}

TEST_F(Store, ListsByNameWithNamelessOnesLast) {
  add("nameless", {});
  add("b", {"beta"});
  add("a", {"alpha"});
  EXPECT_THAT(releases(), ElementsAre("a", "b", "nameless"));
}

TEST_F(Store, ResolvesANameAPathAndTheNearest) {
  const StoredKernel kernel = add("a", {"reference"});
  fake::write(kernel.dir / "modules/lib/modules/7.3.4/x.ko", "ko");
  const auto by_name = store_.resolve("reference", fake::soon());
  ASSERT_TRUE(by_name) << by_name.error().what;
  EXPECT_EQ(by_name->path, kernel.dir / "bzImage");
  EXPECT_EQ(by_name->modules, kernel.dir / "modules");
  EXPECT_EQ(by_name->build_id, fake::kBuildId);
  const auto by_path = store_.resolve(kernel.image().string(), fake::soon());
  ASSERT_TRUE(by_path);
  EXPECT_THAT(by_path->modules.string(), IsEmpty());
  const auto typo = store_.resolve("refrence", fake::soon());
  ASSERT_FALSE(typo);
  EXPECT_EQ(typo.error().kind, "usage");
  EXPECT_THAT(typo.error().hint,
              testing::AllOf(HasSubstr("did you mean reference?"), HasSubstr("holdfast kernel list")));
}

TEST_F(Store, MovesANameToTheKernelThatGotItLast) {
  const StoredKernel first = add("a", {"mine"});
  const StoredKernel second = add("b", {"mine"});
  EXPECT_EQ(store_.find("mine")->key, second.key);
  EXPECT_THAT(store_.by_key(first.key)->names, IsEmpty());
}

TEST_F(Store, KeepsTheKernelUntilItsLastNameIsRemoved) {
  const StoredKernel kernel = add("a", {"one", "two"});
  ASSERT_TRUE(store_.remove("one"));
  EXPECT_TRUE(fs::exists(kernel.image()));
  EXPECT_FALSE(store_.find("one"));
  ASSERT_TRUE(store_.remove("two"));
  EXPECT_FALSE(fs::exists(kernel.dir));
  const auto again = store_.remove("two");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, "usage");
}

TEST_F(Store, RemovesAKernelWithAllItsNamesByItsKey) {
  const StoredKernel kernel = add("a", {"one", "two"});
  ASSERT_TRUE(store_.remove(kernel.key.substr(0, 12)));
  EXPECT_THAT(store_.list(), IsEmpty());
  EXPECT_FALSE(fs::exists(dir_.path() / "names/one"));
}

TEST_F(Store, DoesNotShowWhatIsNotWhole) {
  const fs::path staged = *store_.stage();
  fake::write(staged / "bzImage", "half");
  const fs::path half = dir_.path() / "kernels" / sha256("half");
  fake::write(half / "bzImage", "half");
  EXPECT_THAT(store_.list(), IsEmpty());
  EXPECT_FALSE(store_.by_key(sha256("half")));
  store_.clear_staging();
  EXPECT_FALSE(fs::exists(staged));
  // A half one does not keep a whole one from taking its place.
  add("half", {});
  EXPECT_TRUE(store_.by_key(sha256("half")));
}

TEST_F(Store, KeepsTheFirstWhenAKernelIsPublishedTwice) {
  add("a", {});
  const fs::path staged = *store_.stage();
  fake::write(staged / "bzImage", "second");
  StoredKernel kernel;
  kernel.key = sha256("a");
  ASSERT_TRUE(store_.publish(staged, kernel));
  EXPECT_NE(fake::read(store_.by_key(sha256("a"))->image()), "second");
  EXPECT_FALSE(fs::exists(staged));
}

TEST_F(Store, RefusesNamesThatAreNone) {
  for (const char* name : {"", "none", "a/b", "../x", ".hidden", "-x", "a b", "a\nb"}) {
    EXPECT_FALSE(valid_kernel_name(name)) << name;
    EXPECT_FALSE(store_.give_name(name, sha256("a"))) << name;
  }
  for (const char* name : {"a", "v7.3-rc1+x", "0abc"}) EXPECT_TRUE(valid_kernel_name(name)) << name;
}

TEST_F(Store, TellsAllOfAKernelInJson) {
  add("a", {"one"});
  const std::string json = kernel::to_json(store_.list());
  for (const char* part : {"\"names\": [", "\"one\"", "\"path\": ", "\"modules\": null", "\"release\": \"a\""}) {
    EXPECT_THAT(json, HasSubstr(part));
  }
}

TEST(DiskSpace, IsRefusedWithFiguresWhenThereIsTooLittle) {
  EXPECT_TRUE(require_space("/tmp/not/there", 1, "try"));
  const auto refused = require_space("/tmp/not/there", uint64_t{1} << 60U, "build a kernel");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().type(), "lab.disk");
  EXPECT_THAT(refused.error().what, testing::AllOf(HasSubstr("build a kernel"), HasSubstr("/tmp/not/there"),
                                                   HasSubstr("needed"), HasSubstr("free")));
  EXPECT_THAT(refused.error().hint, HasSubstr("HOLDFAST_CACHE"));
}

TEST(Folders, ComeFromTheEnvironmentOrStandBesideTheProgram) {
  const TempDir dir = *TempDir::create();
  fs::create_directories(dir.path() / "bin");
  fs::create_directories(dir.path() / "share/holdfast/fixtures");
  const fake::ScopedEnv data("HOLDFAST_DATA", "");
  EXPECT_EQ(*data_dir_of(dir.path() / "bin/holdfast"), dir.path() / "share/holdfast/fixtures");
  fs::create_directories(dir.path() / "bin/fixtures");
  EXPECT_EQ(*data_dir_of(dir.path() / "bin/holdfast"), dir.path() / "bin/fixtures");
  EXPECT_FALSE(data_dir_of("/proc/holdfast"));
  {
    const fake::ScopedEnv asked("HOLDFAST_DATA", dir.path().string());
    EXPECT_EQ(*data_dir_of("/proc/holdfast"), dir.path());
    const fake::ScopedEnv wrong("HOLDFAST_DATA", "/not/there");
    EXPECT_FALSE(data_dir_of(dir.path() / "bin/holdfast"));
  }
  const fake::ScopedEnv cache("HOLDFAST_CACHE", "");
  const fake::ScopedEnv xdg("XDG_CACHE_HOME", "/x/cache");
  EXPECT_EQ(*cache_dir(), "/x/cache/holdfast");
  const fake::ScopedEnv no_xdg("XDG_CACHE_HOME", "relative");
  const fake::ScopedEnv home("HOME", "/home/u");
  EXPECT_EQ(*cache_dir(), "/home/u/.cache/holdfast");
  const fake::ScopedEnv asked("HOLDFAST_CACHE", "/c");
  EXPECT_EQ(*cache_dir(), "/c");
}

}  // namespace
}  // namespace holdfast
