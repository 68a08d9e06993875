// Does inspection read what a kernel image says, and name what is wrong with one that is none?
#include "harness/kernel/kernel_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/digest.h"
#include "harness/kernel/bzimage.h"
#include "harness/kernel/decompress.h"
#include "harness/kernel/fake_tree.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

class Inspect : public testing::Test {
 protected:
  fs::path file(std::string_view bytes, const char* name = "bzImage") {
    fake::write(dir_.path() / name, bytes);
    return dir_.path() / name;
  }
  Result<KernelImage> inspect(const fs::path& path) {
    return inspect_kernel(path, dir_.path() / "cache", fake::soon());
  }

  TempDir dir_ = *TempDir::create("holdfast-inspect");
};

TEST_F(Inspect, ReadsEverythingWhenTheImageIsWhole) {
  const std::string bytes = fake::bzimage_gzip();
  const auto image = inspect(file(bytes));
  ASSERT_TRUE(image) << image.error().what;
  EXPECT_EQ(image->release, "7.3.4");
  EXPECT_EQ(image->banner, "#7 SMP Thu Jan 1");
  EXPECT_EQ(image->build_id, fake::kBuildId);
  EXPECT_EQ(image->sha256, sha256(bytes));
  ASSERT_TRUE(image->config);
  EXPECT_EQ(*image->config, (KernelConfig{{"CONFIG_NAME", "\"a b\""}, {"CONFIG_PCI", "y"}, {"CONFIG_X", "m"}}));
}

TEST_F(Inspect, SaysNothingOfAConfigurationThatIsNotThere) {
  const auto image = inspect(file(fake::bzimage(fake::gzip(fake::vmlinux(std::nullopt)))));
  ASSERT_TRUE(image) << image.error().what;
  EXPECT_FALSE(image->config);
  EXPECT_EQ(image->build_id, fake::kBuildId);
}

TEST_F(Inspect, KnowsAnUnchangedFileAndAChangedOne) {
  const fs::path path = file(fake::bzimage_gzip());
  ASSERT_TRUE(inspect(path));
  // The record is what is asked the second time: change it, and the change shows.
  const fs::path record = dir_.path() / "cache/images" / (sha256(fake::read(path)) + ".json");
  std::string text = fake::read(record);
  text.replace(text.find("7.3.4"), 5, "9.9.9");
  fake::write(record, text);
  EXPECT_EQ(inspect(path)->release, "9.9.9");
  file(fake::bzimage(fake::gzip(fake::vmlinux()), "7.4.0 (a@b) #1"));
  EXPECT_EQ(inspect(path)->release, "7.4.0");
}

TEST_F(Inspect, ForgivesADamagedRecordAndAnUnwritableCache) {
  const fs::path path = file(fake::bzimage_gzip());
  ASSERT_TRUE(inspect(path));
  fake::write(dir_.path() / "cache/images" / (sha256(fake::read(path)) + ".json"), "{\"version\":");
  EXPECT_EQ(inspect(path)->release, "7.3.4");
  EXPECT_TRUE(inspect_kernel(path, "/proc/nowhere", fake::soon()));
}

TEST_F(Inspect, NamesTheNearestFileWhenThereIsNone) {
  file("x", "bzImage-series");
  const auto image = inspect(dir_.path() / "bzImage-serie");
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().kind, "usage");
  EXPECT_THAT(image.error().hint, HasSubstr("bzImage-series"));
}

TEST_F(Inspect, PointsToBuildWhenThePathIsATree) {
  fake::tree(dir_.path() / "linux");
  const auto image = inspect(dir_.path() / "linux");
  ASSERT_FALSE(image);
  EXPECT_THAT(image.error().hint, HasSubstr("kernel build --tree"));
}

TEST_F(Inspect, SaysWhatAFileIsThatIsNoBzImage) {
  const std::vector<std::pair<std::string, std::string>> strangers = {{fake::vmlinux(), "ELF"},
                                                                      {fake::gzip("x"), "gzip"},
                                                                      {"", "empty"},
                                                                      {"#!/bin/sh\n", "script"},
                                                                      {"070701", "cpio"}};
  for (const auto& [bytes, word] : strangers) {
    const auto image = inspect(file(bytes));
    ASSERT_FALSE(image) << word;
    EXPECT_EQ(image.error().kind, "usage");
    EXPECT_THAT(image.error().what, HasSubstr(word));
    EXPECT_THAT(image.error().hint, HasSubstr("arch/x86/boot/bzImage"));
  }
}

TEST_F(Inspect, FindsAnImageCutShortAtAnyLength) {
  const std::string whole = fake::bzimage_gzip();
  for (size_t length = 0x250; length + 16 <= whole.size(); length += 7) {
    const auto image = parse_bzimage(std::string_view(whole).substr(0, length));
    ASSERT_FALSE(image) << length;
    EXPECT_THAT(image.error().what, HasSubstr("cut short"));
  }
  EXPECT_TRUE(parse_bzimage(whole));
}

TEST_F(Inspect, SurvivesHeadersThatPointAnywhere) {
  std::string bytes = fake::bzimage_gzip();
  for (const size_t field : {0x1f1, 0x1f4, 0x206, 0x20e, 0x248, 0x24c}) {
    std::string broken = bytes;
    fake::put<uint16_t>(broken, field, 0xffff);
    static_cast<void>(inspect(file(broken)).ok());
  }
  std::string elf = fake::vmlinux();
  for (size_t at = 0; at < 200; ++at) {
    std::string broken = elf;
    broken[at] = static_cast<char>(0xff);
    static_cast<void>(build_id_of(broken));
  }
  EXPECT_EQ(build_id_of(elf), fake::kBuildId);
  EXPECT_THAT(build_id_of(elf.substr(0, 130)), IsEmpty());
}

TEST_F(Inspect, NoticesADamagedPayload) {
  std::string payload = fake::gzip(fake::vmlinux());
  payload[payload.size() / 2] = static_cast<char>(payload[payload.size() / 2] ^ 0x55);
  const auto image = inspect(file(fake::bzimage(payload)));
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().type(), "lab.damaged");
}

struct Packer {
  const char* name;
  std::vector<std::string> argv;
};

class EachCompression : public testing::TestWithParam<Packer> {};

TEST_P(EachCompression, IsUnpackedWithoutItsTrailer) {
  if (!find_program(GetParam().argv[0])) GTEST_SKIP() << GetParam().argv[0] << " is not installed";
  const std::string content = fake::vmlinux();
  const auto packed = fake::pack(GetParam().argv, content);
  ASSERT_TRUE(packed);
  EXPECT_EQ(compression_of(*packed), GetParam().name);
  const auto unpacked = unpack_payload(*packed, fake::soon());
  ASSERT_TRUE(unpacked) << unpacked.error().what;
  EXPECT_EQ(*unpacked, content);
}

TEST_P(EachCompression, IsNotBelievedWhenTheLengthDiffers) {
  if (!find_program(GetParam().argv[0])) GTEST_SKIP() << GetParam().argv[0] << " is not installed";
  auto packed = fake::pack(GetParam().argv, fake::vmlinux());
  ASSERT_TRUE(packed);
  packed->back() = 1;
  EXPECT_FALSE(unpack_payload(*packed, fake::soon()));
}

TEST_P(EachCompression, NamesThePackageWhenItsProgramIsMissing) {
  if (!find_program(GetParam().argv[0])) GTEST_SKIP() << GetParam().argv[0] << " is not installed";
  const auto packed = fake::pack(GetParam().argv, fake::vmlinux());
  ASSERT_TRUE(packed);
  const TempDir empty = *TempDir::create();
  const fake::ScopedEnv path("PATH", empty.path().string());
  const auto unpacked = unpack_payload(*packed, fake::soon());
  ASSERT_FALSE(unpacked);
  EXPECT_EQ(unpacked.error().type(), "lab.tool");
  EXPECT_THAT(unpacked.error().hint, HasSubstr("apt-get install"));
}

INSTANTIATE_TEST_SUITE_P(Kernel, EachCompression,
                         testing::Values(Packer{"xz", {"xz", "--check=crc32", "-c"}}, Packer{"zstd", {"zstd", "-cq"}},
                                         Packer{"lz4", {"lz4", "-lcq"}}, Packer{"lzma", {"xz", "--format=lzma", "-c"}},
                                         Packer{"bzip2", {"bzip2", "-c"}}, Packer{"lzo", {"lzop", "-c"}}),
                         [](const auto& each) { return std::string(each.param.name); });

TEST(Payload, IsTakenAsItIsWhenItIsNotCompressed) {
  EXPECT_EQ(*unpack_payload(fake::vmlinux(), fake::soon()), fake::vmlinux());
}

TEST(Payload, IsRefusedWhenNoMagicFits) {
  const auto unpacked = unpack_payload("what is this", fake::soon());
  ASSERT_FALSE(unpacked);
  EXPECT_THAT(unpacked.error().what, HasSubstr("77686174"));
}

}  // namespace
}  // namespace holdfast
