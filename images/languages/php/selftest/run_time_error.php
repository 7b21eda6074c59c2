<?php
throw new Exception("as the probe wants it");
