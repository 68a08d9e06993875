// Is a payload what the kernel and the agent expect, whole, in order, and the same each time?
#include "harness/payload/payload.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <thread>

#include "harness/base/digest.h"
#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/base/text.h"
#include "harness/payload/payload_cpio.h"
#include "harness/payload/payload_modules.h"
#include "harness/payload/program_closure.h"
#include "tools/ctest/places.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

Deadline soon() { return Deadline::after(std::chrono::seconds(30)); }

class PayloadTest : public testing::Test {
 protected:
  fs::path put(const fs::path& name, std::string_view text) {
    const fs::path path = dir_.path() / name;
    EXPECT_TRUE(make_dirs(path.parent_path()));
    EXPECT_TRUE(write_file(path, text));
    return path;
  }
  PayloadSpec spec() { return {.agent = put("agent", "the agent"), .files = {}, .modules = {}}; }

  TempDir dir_ = *TempDir::create("payload");
};

struct Entry {
  uint64_t mode = 0;
  uint64_t major = 0;
  uint64_t minor = 0;
  std::string content;
};

/// Reads newc archives that stand one behind the other back, independently of the writer.
std::map<std::string, Entry> read_archive(std::string_view bytes) {
  std::map<std::string, Entry> entries;
  size_t at = 0;
  bool ended = false;
  const auto field = [&](size_t index) { return *parse_u64(bytes.substr(at + 6 + index * 8, 8), 16); };
  const auto align = [](size_t offset) { return (offset + 3) / 4 * 4; };
  while (at + 110 <= bytes.size() && bytes.substr(at, 6) == "070701") {
    const size_t name_size = field(11);
    const std::string name(bytes.substr(at + 110, name_size - 1));
    EXPECT_EQ(bytes[at + 110 + name_size - 1], '\0');
    const size_t start = align(at + 110 + name_size);
    ended = name == "TRAILER!!!";
    if (!ended) entries[name] = {field(1), field(9), field(10), std::string(bytes.substr(start, field(6)))};
    at = ended ? std::min(bytes.find("070701", start), bytes.size()) : align(start + field(6));
  }
  EXPECT_TRUE(ended) << "no trailer";
  return entries;
}

RemoteAccess some_access() {
  return {.network = {.mac = "52:54:00:00:00:01",
                      .address = "192.0.2.7/24",
                      .gateway = "192.0.2.1",
                      .routes = {{.to = "198.51.100.0/24", .via = "192.0.2.9"}},
                      .mtu = 9000},
          .ssh = {.host_key = "-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n-----END OPENSSH PRIVATE KEY-----",
                  .authorized = "ssh-ed25519 AAAA",
                  .port = 2222}};
}

TEST_F(PayloadTest, HoldsAgentFilesAndDeviceNodes) {
  PayloadSpec spec = this->spec();
  spec.files = {put("kernel", "kernel B\n")};
  const auto payload = write_payload(spec, dir_.path() / "out.cpio", soon());
  ASSERT_TRUE(payload);
  const std::string bytes = *read_file(payload->path);
  EXPECT_EQ(bytes.size() % 512, 0U);
  EXPECT_EQ(payload->sha256, sha256(bytes));
  auto entries = read_archive(bytes);
  EXPECT_EQ(entries["init"].content, "the agent");
  EXPECT_EQ(entries["holdfast/agent.sha256"].content, sha256("the agent"));
  EXPECT_EQ(entries["init"].mode, 0100755U);
  EXPECT_EQ(entries["holdfast/files/" + sha256("kernel B\n")].content, "kernel B\n");
  EXPECT_EQ(entries["dev"].mode, 040755U);
  EXPECT_EQ(entries["dev/console"].mode, 020600U);
  EXPECT_EQ(std::pair(entries["dev/console"].major, entries["dev/console"].minor), std::pair(5UL, 1UL));
  EXPECT_EQ(std::pair(entries["dev/null"].major, entries["dev/null"].minor), std::pair(1UL, 3UL));
  EXPECT_FALSE(entries.contains("holdfast/modules.list"));
}

TEST_F(PayloadTest, TellsWhereTheFilesBeginWhichANextKernelDoesNotNeed) {
  PayloadSpec spec = this->spec();
  spec.files = {put("kernel", "kernel B\n")};
  const std::string bytes = *read_file(write_payload(spec, dir_.path() / "out.cpio", soon())->path);
  const auto vital = parse_u64(trim(read_archive(bytes)["holdfast/vital-size"].content));
  ASSERT_TRUE(vital && *vital % 4 == 0 && *vital < bytes.size());
  auto alone = read_archive(bytes.substr(0, *vital));
  EXPECT_EQ(alone["init"].content, "the agent");
  EXPECT_FALSE(alone.contains("holdfast/vital-size"));  // the next kernel's initramfs has no more than it needs
  for (const auto& [name, entry] : alone) EXPECT_FALSE(name.starts_with("holdfast/files/")) << name;
}

TEST_F(PayloadTest, IsNeededAllWhereNoFilesAreCarriedOrANetworkComesBehind) {
  PayloadSpec remote = spec();
  remote.files = {put("kernel", "kernel B\n")};
  remote.remote = some_access();
  for (const PayloadSpec& whole : {spec(), remote}) {
    const auto payload = write_payload(whole, dir_.path() / "out.cpio", soon());
    ASSERT_TRUE(payload);
    EXPECT_FALSE(read_archive(*read_file(payload->path)).contains("holdfast/vital-size"));
  }
}

TEST_F(PayloadTest, IsListedByCpio) {
  const auto payload = write_payload(spec(), dir_.path() / "out.cpio", soon());
  const Fd archive = *open_file(payload->path, O_RDONLY);
  const auto listed = run({.argv = {"cpio", "-t", "--quiet"}, .stdin_fd = archive.get()}, soon());
  ASSERT_TRUE(listed);
  EXPECT_TRUE(listed->status.success()) << listed->err;
  EXPECT_THAT(split(trim(listed->out), '\n'), Contains("init"));
  EXPECT_THAT(split(trim(listed->out), '\n'), Contains("dev/console"));
}

TEST_F(PayloadTest, IsTheSameForTheSameContentAndOtherForOther) {
  const auto first = write_payload(spec(), dir_.path() / "a.cpio", soon());
  const auto again = write_payload(spec(), dir_.path() / "b.cpio", soon());
  EXPECT_EQ(first->sha256, again->sha256);
  PayloadSpec other = spec();
  other.agent = put("agent", "another agent");
  EXPECT_NE(write_payload(other, dir_.path() / "c.cpio", soon())->sha256, first->sha256);
}

TEST_F(PayloadTest, LeavesNothingWhenAFileIsMissing) {
  PayloadSpec spec = this->spec();
  spec.files = {dir_.path() / "no-kernel"};
  const auto payload = write_payload(spec, dir_.path() / "out.cpio", soon());
  ASSERT_FALSE(payload);
  EXPECT_THAT(payload.error().what, HasSubstr("no-kernel"));
  EXPECT_FALSE(fs::exists(dir_.path() / "out.cpio"));
}

TEST_F(PayloadTest, WithAnSshdItHasAllThatThatLoadsButNoKeyInTheCache) {
  PayloadSpec spec = this->spec();
  spec.remote = some_access();
  const auto payload = cached_payload(spec, dir_.path() / "cache", soon());
  ASSERT_TRUE(payload) << payload.error().what;
  const std::string bytes = *read_file(payload->path);
  auto entries = read_archive(bytes);
  EXPECT_FALSE(entries.contains("holdfast/ssh/host_key"));
  EXPECT_EQ(bytes.find("-----\nsecret\n-----"), std::string::npos);
  EXPECT_EQ(entries["usr/sbin/sshd"].content, *read_file("/usr/sbin/sshd"));
  EXPECT_EQ(entries["lib64/ld-linux-x86-64.so.2"].mode, 0100755U);
  EXPECT_TRUE(std::ranges::any_of(entries, [](const auto& entry) { return entry.first.ends_with("/libc.so.6"); }));
  EXPECT_THAT(entries["etc/passwd"].content, HasSubstr("root:*:0:0:root:/:/init\n"));
  for (const auto& [name, entry] : entries) {
    const fs::path parent = fs::path(name).parent_path();
    EXPECT_TRUE(parent.empty() || entries.contains(parent.string())) << name << " has no folder to be in";
  }
}

TEST_F(PayloadTest, OneBootsPartIsForItsOwnerOnly) {
  const fs::path path = dir_.path() / "part.cpio";
  const auto digest = write_remote_part(some_access(), path);
  ASSERT_TRUE(digest) << digest.error().what;
  EXPECT_EQ(*digest, *sha256_file(path));
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  auto entries = read_archive(*read_file(path));
  EXPECT_EQ(entries["holdfast/ssh/host_key"].mode, 0100600U);
  EXPECT_EQ(entries["holdfast/ssh"].mode, 040700U);
  EXPECT_EQ(entries["holdfast/seed"].content.size(), 128U);
  EXPECT_EQ(entries["holdfast/ssh/authorized_keys"].content, "restrict ssh-ed25519 AAAA\n");
  EXPECT_THAT(entries["holdfast/ssh/sshd_config"].content, HasSubstr("Port 2222\nListenAddress 192.0.2.7\n"));
  EXPECT_THAT(entries["holdfast/network.json"].content, HasSubstr("\"mtu\":9000"));
  // No two boots begin with the same random numbers.
  ASSERT_TRUE(write_remote_part(some_access(), path));
  EXPECT_NE(read_archive(*read_file(path))["holdfast/seed"].content, entries["holdfast/seed"].content);
}

TEST_F(PayloadTest, InOnePieceItIsBothArchivesForItsOwnerOnly) {
  PayloadSpec spec = this->spec();
  spec.remote = some_access();
  const auto shared = cached_payload(spec, dir_.path() / "cache", soon());
  const auto whole = write_payload(spec, dir_.path() / "out.cpio", soon());
  ASSERT_TRUE(shared && whole);
  EXPECT_EQ(fs::status(whole->path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  const std::string bytes = *read_file(whole->path);
  EXPECT_EQ(whole->sha256, sha256(bytes));
  const std::string first = *read_file(shared->path);
  ASSERT_TRUE(bytes.starts_with(first));
  EXPECT_TRUE(read_archive(bytes.substr(first.size())).contains("holdfast/ssh/host_key"));
  EXPECT_FALSE(fs::exists(whole->path.string() + ".remote"));
}

TEST_F(PayloadTest, RefusesKeysThatAreNone) {
  const fs::path path = dir_.path() / "part.cpio";
  for (const char* line : {"", "ssh-ed25519", "ssh-ed25519 AAAA\nssh-ed25519 BBBB"}) {
    RemoteAccess access = some_access();
    access.ssh.authorized = line;
    EXPECT_FALSE(write_remote_part(access, path)) << line;
  }
  RemoteAccess access = some_access();
  access.ssh.host_key = "/etc/ssh/ssh_host_ed25519_key";
  EXPECT_FALSE(write_remote_part(access, path));
  access = some_access();
  access.network.address = "192.0.2.7";
  EXPECT_FALSE(write_remote_part(access, path));
  EXPECT_FALSE(fs::exists(path));
}

TEST(Closure, IsWhatTheLoaderSays) {
  const auto closure = closure_of("/usr/sbin/sshd", soon());
  ASSERT_TRUE(closure) << closure.error().what;
  EXPECT_THAT(*closure, Contains(fs::path("/usr/sbin/sshd")));
  EXPECT_THAT(*closure, Contains(fs::path("/lib64/ld-linux-x86-64.so.2")));
  for (const fs::path& file : *closure) EXPECT_TRUE(fs::is_regular_file(file)) << file;
  EXPECT_THAT(*closure_of(agent_program(), soon()), ElementsAre(fs::path(agent_program())));  // a static one
}

TEST(Closure, OfWhatIsNoProgramIsAnError) {
  EXPECT_EQ(closure_of("/etc/passwd", soon()).error().type(), "lab.program");
  EXPECT_EQ(closure_of("/nonexistent", soon()).error().type(), "lab.io");
}

TEST(Closure, IsReadFromALoadersListing) {
  const auto objects = loaded_objects(
      "\tlinux-vdso.so.1 (0x00007ffe)\n\tlibz.so.1 => /lib/x86_64-linux-gnu/libz.so.1 (0x00007f)\n"
      "\t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n");
  ASSERT_TRUE(objects);
  EXPECT_THAT(*objects,
              ElementsAre(fs::path("/lib/x86_64-linux-gnu/libz.so.1"), fs::path("/lib64/ld-linux-x86-64.so.2")));
  const auto missing = loaded_objects("\tlibwrap.so.0 => not found\n");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().what, HasSubstr("libwrap.so.0"));
}

TEST_F(PayloadTest, CacheGivesTheSameFileWithoutWritingItAgain) {
  const fs::path cache = dir_.path() / "cache";
  const auto first = cached_payload(spec(), cache, soon());
  ASSERT_TRUE(first);
  const auto inode = [&] { return run({.argv = {"stat", "-c", "%i", first->path.string()}}, soon())->out; };
  const std::string before = inode();
  const auto again = cached_payload(spec(), cache, soon());
  EXPECT_EQ(again->path, first->path);
  EXPECT_EQ(again->sha256, first->sha256);
  EXPECT_EQ(inode(), before);
}

TEST_F(PayloadTest, CacheMendsAnEntryWhoseNoteIsMissing) {
  const fs::path cache = dir_.path() / "cache";
  const auto first = cached_payload(spec(), cache, soon());
  ASSERT_TRUE(write_file(first->path, "half an archive"));
  fs::remove(fs::path(first->path).replace_extension(".sha256"));
  const auto again = cached_payload(spec(), cache, soon());
  EXPECT_EQ(*sha256_file(again->path), first->sha256);
}

TEST_F(PayloadTest, CacheForgetsWhatNobodyAskedForInAWeek) {
  const fs::path cache = dir_.path() / "cache";
  const fs::path old = put("cache/old.cpio", "x");
  const fs::path young = put("cache/young.cpio", "x");
  fs::last_write_time(old, fs::file_time_type::clock::now() - std::chrono::hours(24 * 8));
  ASSERT_TRUE(cached_payload(spec(), cache, soon()));
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(young));
}

TEST_F(PayloadTest, CacheServesManyAtOnce) {
  const fs::path cache = dir_.path() / "cache";
  const PayloadSpec spec = this->spec();
  std::vector<std::string> digests(8);
  std::vector<std::thread> askers;
  for (std::string& digest : digests) {
    askers.emplace_back([&] { digest = *sha256_file(cached_payload(spec, cache, soon())->path); });
  }
  for (std::thread& asker : askers) asker.join();
  EXPECT_THAT(digests, testing::Each(digests.front()));
  EXPECT_EQ(std::distance(fs::directory_iterator(cache), {}), 2);  // the archive and its note, no parts
}

TEST_F(PayloadTest, WriterRefusesAFileThatIsNotWhatItWas) {
  auto archive = *CpioWriter::create(dir_.path() / "out.cpio");
  const auto added = archive.file_from("x", put("x", "now"), sha256("then"), 0644);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().type(), "lab.changed");
}

class ModulesTest : public PayloadTest {
 protected:
  /// A folder as modules_install leaves it: vfio-pci needs vfio-pci-core, which needs vfio and a built-in irqbypass.
  fs::path install(const std::string& release = "6.1") {
    const fs::path base = fs::path("lib/modules") / release;
    put(base / "kernel/vfio.ko", "vfio");
    put(base / "kernel/vfio-pci-core.ko", "core");
    put(base / "kernel/vfio-pci.ko", "pci");
    put(base / "kernel/nvme.ko", "nvme");
    put(base / "modules.dep",
        "kernel/vfio-pci.ko: kernel/vfio-pci-core.ko kernel/vfio.ko\nkernel/vfio.ko:\n"
        "kernel/vfio-pci-core.ko: kernel/vfio.ko\nkernel/nvme.ko:\n");
    put(base / "modules.builtin", "kernel/virt/lib/irqbypass.ko\nkernel/drivers/e1000e.ko\n");
    return dir_.path() / base;
  }
  static std::vector<std::string> names(const ModuleChoice& choice) {
    std::vector<std::string> all;
    for (const fs::path& file : choice.files) all.push_back(module_name(file));
    return all;
  }
};

TEST_F(ModulesTest, StandBehindWhatTheyNeedAndOnlyOnce) {
  const auto choice = choose_modules(install(), {"nvme", "vfio-pci", "vfio", "e1000e", "virtio_net"});
  ASSERT_TRUE(choice);
  EXPECT_THAT(names(*choice), ElementsAre("nvme", "vfio", "vfio_pci_core", "vfio_pci"));
  EXPECT_THAT(choice->absent, ElementsAre("virtio_net"));  // but not e1000e, which is built in
}

TEST_F(ModulesTest, AreFoundBelowTheFolderGiven) {
  install();
  for (const char* folder : {"", "lib/modules", "lib/modules/6.1", "lib/modules/6.1/"}) {
    const auto choice = choose_modules(dir_.path() / folder, {"vfio"});
    ASSERT_TRUE(choice) << folder;
    EXPECT_THAT(names(*choice), ElementsAre("vfio"));
  }
}

TEST_F(ModulesTest, NameTheMissingIndexAndDepmod) {
  fs::remove(install() / "modules.dep");
  const auto choice = choose_modules(dir_.path(), {"vfio"});
  ASSERT_FALSE(choice);
  EXPECT_THAT(choice.error().what, HasSubstr("lib/modules/6.1/modules.dep"));
  EXPECT_THAT(choice.error().hint, HasSubstr("depmod -b " + dir_.path().string() + " 6.1"));
  EXPECT_THAT(choose_modules("/no/such/folder", {}).error().what, HasSubstr("/no/such/folder"));
  put("empty/x", "");
  EXPECT_THAT(choose_modules(dir_.path() / "empty", {}).error().what, HasSubstr("modules.dep"));
}

TEST_F(ModulesTest, NeedOneRelease) {
  install("6.1");
  install("6.2");
  EXPECT_THAT(choose_modules(dir_.path(), {"vfio"}).error().what, HasSubstr("modules of 2 kernels"));
  EXPECT_TRUE(choose_modules(dir_.path() / "lib/modules/6.2", {"vfio"}));
}

TEST_F(ModulesTest, NameAFileThatTheIndexHasButTheFolderNot) {
  fs::remove(install() / "kernel/vfio.ko");
  const auto choice = choose_modules(dir_.path(), {"vfio-pci"});
  ASSERT_FALSE(choice);
  EXPECT_EQ(choice.error().type(), "lab.modules");
  EXPECT_THAT(choice.error().what, HasSubstr("kernel/vfio.ko"));
}

TEST_F(ModulesTest, SurviveACircle) {
  put("lib/modules/6.1/a.ko", "");
  put("lib/modules/6.1/b.ko", "");
  put("lib/modules/6.1/modules.dep", "a.ko: b.ko\nb.ko: a.ko\n");
  EXPECT_THAT(names(*choose_modules(dir_.path(), {"a"})), ElementsAre("b", "a"));
}

TEST_F(ModulesTest, AreUnpackedByTheirFormat) {
  for (const auto& [program, extension] : {std::pair("xz", "xz"), {"zstd", "zst"}, {"gzip", "gz"}}) {
    const std::string content(100000, 'm');
    const auto packed = run({.argv = {program, "-c"}}, soon(), content);
    ASSERT_TRUE(packed && packed->status.success()) << program;
    const fs::path file = put(std::string("m.ko.") + extension, packed->out);
    EXPECT_EQ(*read_module(file, soon()), content) << program;
    ASSERT_TRUE(write_file(file, "not packed at all"));
    EXPECT_EQ(read_module(file, soon()).error().type(), "lab.modules") << program;
  }
  EXPECT_EQ(*read_module(put("m.ko", "plain"), soon()), "plain");
}

TEST_F(ModulesTest, GoIntoThePayloadInOrder) {
  PayloadSpec spec = this->spec();
  spec.modules = install();
  const auto payload = write_payload(spec, dir_.path() / "out.cpio", soon());
  ASSERT_TRUE(payload);
  auto entries = read_archive(*read_file(payload->path));
  EXPECT_EQ(entries["holdfast/modules.list"].content,
            "/holdfast/modules/vfio.ko\n/holdfast/modules/vfio_pci_core.ko\n/holdfast/modules/vfio_pci.ko\n"
            "/holdfast/modules/nvme.ko\n");
  EXPECT_EQ(entries["holdfast/modules/vfio_pci_core.ko"].content, "core");
  EXPECT_THAT(payload->absent_modules, Contains("virtio_console"));
}

}  // namespace
}  // namespace holdfast
