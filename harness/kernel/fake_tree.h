// What stands in for a kernel tree in unit tests? A Makefile with the targets that a build asks for, and a few sources.
#pragma once

#include <filesystem>
#include <string_view>

#include "harness/kernel/fake_image.h"

namespace holdfast::fake {

/// The Makefile of a tree whose targets are those that a build asks for. The folder `switches` of the tree steers it: a
/// file "fail" makes it not compile; "slow" makes it wait that many seconds, once it has made the file named in
/// "reached"; it adds a line to the file named in "count".
inline constexpr std::string_view kMakefile = R"(VERSION = 7
PATCHLEVEL = 3
SUBLEVEL = 4
EXTRAVERSION =
NAME = Fake

allnoconfig:
	mkdir -p $(O)
	grep -v LOST $(KCONFIG_ALLCONFIG) > $(O)/.config
bzImage:
	@echo "  CC      init/main.o"
	@echo "  LD      vmlinux"
	@if [ -f switches/fail ]; then echo "init/main.c:3:1: error: expected ';' before '}' token"; exit 1; fi
	@if [ -f switches/slow ]; then touch `cat switches/reached`; sleep `cat switches/slow`; fi
	@if [ -f switches/count ]; then echo built >> `cat switches/count`; fi
	@mkdir -p $(O)/arch/x86/boot
	@cp boot.image $(O)/arch/x86/boot/bzImage
modules:
	@echo "  LD [M]  drivers/x.ko"
modules_install:
	@mkdir -p $(INSTALL_MOD_PATH)/lib/modules/7.3.4/kernel
	@echo ko > $(INSTALL_MOD_PATH)/lib/modules/7.3.4/kernel/x.ko
	@ln -s /nowhere $(INSTALL_MOD_PATH)/lib/modules/7.3.4/build
mrproper:
	@rm -rf .config include/config include/generated
)";

inline constexpr std::string_view kMainC = "int main(void)\n{\n\treturn 0;\n}\n/* a */\n/* b */\n/* c */\n/* d */\n";

/// Lays out a tree at `dir`.
inline void tree(const std::filesystem::path& dir) {
  write(dir / "Makefile", kMakefile);
  write(dir / "Kconfig",
        "config PCI\n\tbool \"PCI\"\n\nconfig LOST_ONE\n\tbool \"x\"\n\tdepends on PCI && FOO\n\thelp\n\t  depends on "
        "moon\n");
  write(dir / "drivers/vfio/Kconfig", "menuconfig VFIO_PCI\n\ttristate \"VFIO\"\n");
  write(dir / "init/main.c", kMainC);
  write(dir / "boot.image", bzimage_gzip());
}

/// A patch to init/main.c of that tree that fits.
inline constexpr std::string_view kGoodPatch =
    "From 1111111111111111111111111111111111111111 Mon Sep 17 00:00:00 2001\n"
    "From: A <a@example.org>\nSubject: [PATCH 1/1] init: return one\n\nWhy.\n---\n"
    "--- a/init/main.c\n+++ b/init/main.c\n@@ -1,6 +1,6 @@\n int main(void)\n {\n-\treturn 0;\n+\treturn 1;\n }\n /* a "
    "*/\n /* b */\n-- \n2.43\n";

/// One whose hunk does not.
inline constexpr std::string_view kBadPatch =
    "--- a/init/main.c\n+++ b/init/main.c\n@@ -1,2 +1,2 @@\n-int main(void)\n+int main(int x)\n {\n"
    "@@ -4,3 +4,3 @@ x\n }\n-/* z */\n+/* y */\n /* b */\n";

}  // namespace holdfast::fake
