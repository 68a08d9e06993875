// Are several files one inventory, and does an error in any of them say how it came to be read?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/file.h"
#include "harness/kernel/fake_surroundings.h"
#include "lab/inventory/inventory.h"
#include "lab/inventory/sample_host_test.h"

namespace holdfast::lab {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

/// Files in a folder of their own.
class Files {
 public:
  void add(const std::string& name, std::string_view text) { fake::write(path(name), text); }
  std::string path(const std::string& name) const { return (dir_.path() / name).string(); }
  Result<Inventory> read(const std::string& name) const { return read_inventory(path(name)); }
  /// What is wrong, without the folder.
  std::string error(const std::string& name) const {
    const auto inventory = read(name);
    if (inventory) return "";
    std::string what = inventory.error().what;
    const std::string prefix = dir_.path().string() + "/";
    for (size_t at = what.find(prefix); at != std::string::npos; at = what.find(prefix)) what.erase(at, prefix.size());
    return what;
  }

 private:
  TempDir dir_ = *TempDir::create("holdfast-include");
};

TEST(Include, MakesOneInventoryOfSeveralFiles) {
  Files files;
  files.add("lab.toml", "include = [\"site/a.toml\", \"b.toml\"]\n[[vm]]\nname = \"v\"\n");
  files.add("site/a.toml", "include = [\"../b.toml\"]\n" + sample_host("modules = \"m\"\n"));
  files.add("b.toml", "[leases]\nfolder = \"l\"\n[[allow]]\ntitle = \"x\"\nreason = \"y\"\n");
  const auto inventory = files.read("lab.toml");
  ASSERT_TRUE(inventory) << inventory.error().what;
  ASSERT_THAT(inventory->hosts, SizeIs(1));
  EXPECT_EQ(inventory->hosts[0].modules, files.path("site/m")) << "not relative to the file that it stands in";
  EXPECT_THAT(inventory->vms, SizeIs(1));
  EXPECT_THAT(inventory->allowances, SizeIs(1)) << "a file that is included twice was read twice, or never";
  EXPECT_EQ(inventory->allowances[0].source, files.path("b.toml:3:1"));
  EXPECT_EQ(inventory->leases.folder, files.path("l"));
}

TEST(Include, SaysInAnErrorHowTheFileCameToBeRead) {
  Files files;
  files.add("lab.toml", "include = [\"site/a.toml\"]\n");
  files.add("site/a.toml", "# a\n\ninclude = [\"b.toml\"]\n");
  files.add("site/b.toml", "[[hots]]\n");
  EXPECT_EQ(files.error("lab.toml"),
            "site/b.toml:1:3: unknown key 'hots'; did you mean 'host'?, included at site/a.toml:3:11, "
            "included at lab.toml:1:11");
  EXPECT_EQ(files.error("site/a.toml"),
            "site/b.toml:1:3: unknown key 'hots'; did you mean 'host'?, included at site/a.toml:3:11");
}

TEST(Include, OfItselfIsRefused) {
  Files files;
  files.add("lab.toml", "include = [\"./lab.toml\"]\n");
  EXPECT_EQ(files.error("lab.toml"), "lab.toml:1:11: files include each other in a circle: lab.toml -> lab.toml");
}

TEST(Include, InACircleIsRefusedAndTheCircleShown) {
  Files files;
  files.add("lab.toml", "include = [\"a.toml\"]\n");
  files.add("a.toml", "include = [\"sub/b.toml\"]\n");
  files.add("sub/b.toml", "include = [\"../a.toml\"]\n");
  EXPECT_EQ(files.error("lab.toml"),
            "sub/b.toml:1:11: files include each other in a circle: a.toml -> sub/b.toml -> a.toml, "
            "included at a.toml:1:11, included at lab.toml:1:11");
}

TEST(Include, ThroughALinkIsTheSameFile) {
  Files files;
  files.add("lab.toml", "include = [\"link.toml\"]\n");
  std::filesystem::create_symlink("lab.toml", files.path("link.toml"));
  EXPECT_THAT(files.error("lab.toml"), HasSubstr("in a circle: lab.toml -> lab.toml"));
}

TEST(Include, OfWhatIsNotThereIsRefused) {
  Files files;
  files.add("lab.toml", "\ninclude = [\"none.toml\"]\n");
  EXPECT_EQ(files.error("lab.toml"), "lab.toml:2:11: include: open none.toml: No such file or directory (ENOENT)");
  std::filesystem::create_directory(files.path("none.toml"));
  EXPECT_EQ(files.error("lab.toml"), "lab.toml:2:11: include: read none.toml: Is a directory (EISDIR)");
}

TEST(Include, RefusesANameThatAnotherFileHasAndNamesBothPlaces) {
  Files files;
  files.add("lab.toml", "include = [\"a.toml\"]\n[[vm]]\nname = \"alpha\"\n");
  files.add("a.toml", sample_host());
  EXPECT_EQ(files.error("lab.toml"), "lab.toml:3:8: the name 'alpha' is taken: a.toml:2:8");
}

TEST(Include, RefusesLeasesInTwoFiles) {
  Files files;
  files.add("lab.toml", "include = [\"a.toml\"]\n[leases]\nheartbeat_s = 5\n");
  files.add("a.toml", "[leases]\nheartbeat_s = 5\n");
  EXPECT_EQ(files.error("lab.toml"), "lab.toml:2:1: leases are there already: a.toml:1:1");
}

}  // namespace
}  // namespace holdfast::lab
