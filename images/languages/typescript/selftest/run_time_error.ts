throw new Error("as the probe wants it");
