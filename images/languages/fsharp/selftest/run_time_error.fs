failwith "as the probe wants it"
